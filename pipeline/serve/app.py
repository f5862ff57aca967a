"""The pages and what their forms do. Every text of a novel or a backstory is escaped by the templates."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, abort, jsonify, redirect, request, send_from_directory
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from pipeline.errors import PipelineError
from pipeline.serve.jobs import Job, Jobs
from pipeline.serve.library import ANSWER, PAGE, REPORT, Desk, Question, Report, checked_question
from pipeline.serve.pages import Pages, desk_style, script
from pipeline.serve.security import guard
from pipeline.serve.uploads import KINDS, import_novel
from pipeline.waivers import drop_waiver, load_waivers, waivers_path

_MEGABYTE = 1_000_000


def create_app(desk: Desk, jobs: Jobs, *, host: str = "127.0.0.1", max_upload_mb: int = 50) -> Flask:
    """Return the application; ``host`` is the address it answers on."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_upload_mb * _MEGABYTE
    pages = Pages(groq=desk.pipeline.groq_client is not None)
    guard(app, host=host)
    _add_shelf(app, desk, jobs, pages)
    _add_questions(app, desk, jobs, pages)
    _add_reports(app, desk, jobs)
    _add_assets(app)
    _add_errors(app, pages, max_upload_mb)
    return app


def _add_shelf(app: Flask, desk: Desk, jobs: Jobs, pages: Pages) -> None:
    @app.get("/")
    def shelf() -> str:
        return pages.render("shelf.html.jinja", novels=desk.shelf(), reports=desk.reports(), kinds=KINDS)

    @app.post("/novels")
    def bring() -> AnyResponse:
        file = request.files.get("file")
        if file is None or not file.filename:
            abort(400, "no file was chosen; choose a .txt, .epub or .docx file")
        path = import_novel(file.read(), file.filename, desk.novels_dir, replace="replace" in request.form)
        return redirect(f"/novels/{quote(path.stem)}", 303)

    @app.get("/novels/<novel>")
    def show_novel(novel: str) -> str | AnyResponse:
        path, book = desk.path_of(novel), desk.book_at_hand(novel)
        if book is None:
            target = f"/novels/{quote(novel)}"
            job = Job(f"open{_digest(novel)}", f"Opening {novel}", target, step="Finding sentences and names")
            return redirect(f"/jobs/{jobs.submit(job, lambda: desk.open(novel)).id}", 303)
        waivers = load_waivers(waivers_path(path))
        return pages.render("novel.html.jinja", novel=novel, book=book, reports=desk.reports(novel), waivers=waivers)

    @app.post("/novels/<novel>/waivers")
    def count_again(novel: str) -> AnyResponse:
        path, form = waivers_path(desk.path_of(novel)), request.form
        drop_waiver(path, character=form.get("character", ""), claim=form.get("claim", ""))
        return redirect(f"/novels/{quote(novel)}", 303)


def _add_questions(app: Flask, desk: Desk, jobs: Jobs, pages: Pages) -> None:
    @app.post("/novels/<novel>/questions")
    def ask(novel: str) -> AnyResponse:
        desk.path_of(novel)
        question = checked_question(novel, request.form.get("character", ""), request.form.get("backstory", ""))
        return redirect(f"/jobs/{_submit(desk, jobs, question).id}", 303)

    @app.get("/jobs/<id>")
    def show_job(id: str) -> str | AnyResponse:
        job = _known(jobs, id)
        return redirect(job.target, 303) if job.state == "done" else pages.render("job.html.jinja", job=job)

    @app.get("/jobs/<id>.json")
    def job_state(id: str) -> Response:
        job = _known(jobs, id)
        return jsonify(state=job.state, step=job.step, percent=job.percent, target=job.target)


def _add_reports(app: Flask, desk: Desk, jobs: Jobs) -> None:
    @app.get("/reports/<id>")
    def show_report(id: str) -> AnyResponse:
        response = send_from_directory(_folder(desk, id), PAGE)
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response

    @app.get(f"/reports/<id>/<any('{ANSWER}', '{REPORT}'):name>")
    def download(id: str, name: str) -> AnyResponse:
        return send_from_directory(_folder(desk, id), name, as_attachment=True)

    @app.post("/reports/<id>/waivers")
    def mark(id: str) -> AnyResponse:
        report = desk.report(id)
        if report is None:
            abort(404, "there is no such report; ask again at the desk of its novel")
        _change_waiver(desk, report)
        return redirect(f"/jobs/{_submit(desk, jobs, report.question).id}", 303)


def _change_waiver(desk: Desk, report: Report) -> None:
    claim = request.form.get("claim", "")
    if request.form.get("action") == "drop":
        desk.count_again(report, claim)
    else:
        desk.waive(report, claim, request.form.get("reason", ""))


def _add_assets(app: Flask) -> None:
    @app.get("/desk.css")
    def style() -> Response:
        return Response(desk_style(), mimetype="text/css")

    @app.get("/desk.js")
    def behaviour() -> Response:
        return Response(script(), mimetype="text/javascript")


def _add_errors(app: Flask, pages: Pages, max_upload_mb: int) -> None:
    @app.errorhandler(PipelineError)
    def explain(error: PipelineError) -> tuple[str, int]:
        return pages.render("error.html.jinja", message=str(error)), 400

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> tuple[str, int]:
        message = f"the file is larger than {max_upload_mb} MB; bring a smaller one, or raise --max_upload_mb"
        return pages.render("error.html.jinja", message=message), 413

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[str, int]:
        return pages.render("error.html.jinja", message=error.description or error.name), error.code or 500


def _submit(desk: Desk, jobs: Jobs, question: Question) -> Job:
    title, novel = f"{question.character} in {question.novel}", f"/novels/{quote(question.novel)}"
    job = Job(f"ask{question.id}", title, f"/reports/{question.id}", novel)
    return jobs.submit(job, lambda: desk.ask(question, jobs.enter))


def _known(jobs: Jobs, id: str) -> Job:
    job = jobs.find(id)
    if job is None:
        abort(404, "nothing of this name is being worked on; ask again at the desk of the novel")
    return job


def _folder(desk: Desk, id: str) -> Path:
    folder = desk.folder(id)
    if folder is None:
        abort(404, "there is no such report; ask again at the desk of its novel")
    return folder.resolve()


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]
