"""The pages and the actions of their forms. The templates escape every text of a novel or a backstory."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, abort, jsonify, redirect, request, send_file, send_from_directory
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from pipeline.claims.files import KINDS as SHEETS
from pipeline.claims.files import decode_backstory
from pipeline.claims.sheet import SheetText
from pipeline.commands.export import DOCUMENT, LIST
from pipeline.errors import PipelineError
from pipeline.report.html import render_sheet
from pipeline.serve.jobs import DeskJob, JobQueue
from pipeline.serve.library import ANSWER, PAGE, REPORT, Desk
from pipeline.serve.pages import Pages, desk_style, script
from pipeline.serve.security import guard
from pipeline.serve.submissions import Report, SheetReport, Submission, checked_submission
from pipeline.serve.uploads import import_novel
from pipeline.text.epithets import sentence_around
from pipeline.text.novels import SUFFIXES, novel_size
from pipeline.waivers import describe_loose, drop_waiver, find_loose, load_waivers, waivers_path

_MEGABYTE = 1_000_000
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def create_app(desk: Desk, jobs: JobQueue, *, host: str = "127.0.0.1", max_upload_mb: int = 50) -> Flask:
    """Return the application; ``host`` is the address that it serves."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_upload_mb * _MEGABYTE
    pages = Pages(groq=desk.pipeline.groq_client is not None)
    guard(app, host=host)
    _add_novels(app, desk, jobs, pages)
    _add_names(app, desk)
    _add_jobs(app, desk, jobs, pages)
    _add_reports(app, desk, jobs)
    _add_sheets(app, desk)
    _add_findings(app, desk)
    _add_assets(app)
    _add_errors(app, pages, max_upload_mb)
    return app


def _add_novels(app: Flask, desk: Desk, jobs: JobQueue, pages: Pages) -> None:
    @app.get("/")
    def show_home() -> str:
        sizes = {name: novel_size(path) for name, path in desk.novels().items()}
        return pages.render("home.html.jinja", novels=sizes, kinds=SUFFIXES, **_stored(desk))

    @app.post("/novels")
    def upload() -> AnyResponse:
        file = request.files.get("file")
        if file is None or not file.filename:
            abort(400, f"no file was chosen; choose one of {', '.join(SUFFIXES)}")
        path = import_novel(file.read(), file.filename, desk.novels_dir, replace="replace" in request.form)
        name = next(name for name, novel in desk.novels().items() if novel == path)
        return redirect(f"/novels/{quote(name)}", 303)

    @app.get("/novels/<novel>")
    def show_novel(novel: str) -> str | AnyResponse:
        path, book = desk.path_of(novel), desk.loaded_book(novel)
        if book is None:
            draft = request.args.get("from", "")
            target = f"/novels/{quote(novel)}" + (f"?from={quote(draft)}" if draft else "")
            job = DeskJob(f"open{_digest(novel)}", f"Opening {novel}", target, step="Finding sentences and names")
            return redirect(f"/jobs/{jobs.submit(job, lambda: desk.open(novel)).id}", 303)
        waivers = load_waivers(waivers_path(path))
        return pages.render(
            "novel.html.jinja",
            novel=novel,
            book=book,
            **_stored(desk, novel),
            words=len(book.novel.text[slice(*book.novel.body)].split()),
            draft=_draft(desk, jobs, request.args.get("from", "")),
            kinds=SHEETS,
            waivers=waivers,
            loose={one.waiver: describe_loose(one) for one in find_loose(waivers, book.novel)},
            narrators=desk.narrators(novel),
            proposals=[
                (*proposal.alias, sentence_around(book.novel, proposal.span, book.sentences))
                for proposal in book.epithets
            ],
        )

    @app.post("/novels/<novel>/waivers")
    def remove_waiver(novel: str) -> AnyResponse:
        path, form = waivers_path(desk.path_of(novel)), request.form
        drop_waiver(path, character=form.get("character", ""), claim=form.get("claim", ""))
        return redirect(f"/novels/{quote(novel)}", 303)


def _stored(desk: Desk, novel: str | None = None) -> dict[str, object]:
    """Return the sheets, and the reports that belong to none of them."""
    sheets = desk.sheets(novel)
    listed = {report.id for sheet in sheets for report in sheet.reports}
    return {"sheets": sheets, "reports": [report for report in desk.reports(novel) if report.id not in listed]}


def _draft(desk: Desk, jobs: JobQueue, id: str) -> Submission | None:
    """Return what was submitted under the id of a report or a job, to be changed and judged again.

    Only text fits into the form.
    """
    report, job = desk.report(id), jobs.find(id)
    found = report.submission if report else job.submitted if job else None
    if not isinstance(found, Submission) or found.layout != "text":
        return None
    return found.of_sheet if desk.sheet_report(found.of_sheet.id) else found


def _add_names(app: Flask, desk: Desk) -> None:
    @app.post("/novels/<novel>/aliases")
    def confirm_alias(novel: str) -> AnyResponse:
        desk.confirm_alias(novel, request.form.get("alias", ""), request.form.get("name", ""))
        return redirect(f"/novels/{quote(novel)}", 303)

    @app.post("/novels/<novel>/narrators")
    def set_narrators(novel: str) -> AnyResponse:
        desk.set_narrators(novel, request.form.get("narrators", ""))
        return redirect(f"/novels/{quote(novel)}", 303)


def _add_jobs(app: Flask, desk: Desk, jobs: JobQueue, pages: Pages) -> None:
    @app.post("/novels/<novel>/backstories")
    def submit(novel: str) -> AnyResponse:
        desk.path_of(novel)
        submission = checked_submission(novel, request.form.get("character", ""), _submitted_backstory())
        return redirect(f"/jobs/{_submit(desk, jobs, submission).id}", 303)

    @app.get("/jobs/<id>")
    def show_job(id: str) -> str | AnyResponse:
        job = _find_job(jobs, id)
        return redirect(job.target, 303) if job.state == "done" else pages.render("job.html.jinja", job=job)

    @app.get("/jobs/<id>.json")
    def job_state(id: str) -> Response:
        job = _find_job(jobs, id)
        return jsonify(state=job.state, step=job.step, percent=job.percent, target=job.target)


def _add_reports(app: Flask, desk: Desk, jobs: JobQueue) -> None:
    @app.get("/reports/<id>")
    def show_report(id: str) -> AnyResponse:
        return _own_policy(send_from_directory(_folder(desk, id), PAGE))

    @app.get(f"/reports/<id>/<any('{ANSWER}', '{REPORT}'):name>")
    def download(id: str, name: str) -> AnyResponse:
        return send_from_directory(_folder(desk, id), name, as_attachment=True)

    @app.post("/reports/<id>/waivers")
    def change_waiver(id: str) -> AnyResponse:
        report = _find_report(desk, id)
        _change_waiver(desk, report)
        return redirect(f"/jobs/{_submit(desk, jobs, report.submission).id}", 303)

    @app.post("/reports/<id>/again")
    def judge_again(id: str) -> AnyResponse:
        return redirect(f"/jobs/{_submit(desk, jobs, _find_report(desk, id).submission).id}", 303)


def _change_waiver(desk: Desk, report: Report) -> None:
    claim = request.form.get("claim", "")
    action = request.form.get("action")
    if action == "drop":
        desk.remove_waiver(report, claim)
    elif action == "renew":
        desk.renew_waiver(report, claim)
    else:
        desk.waive(report, claim, kind=request.form.get("kind", ""), reason=request.form.get("reason", ""))


def _add_sheets(app: Flask, desk: Desk) -> None:
    @app.get("/sheets/<id>")
    def show_sheet(id: str) -> AnyResponse:
        return _own_policy(Response(render_sheet(desk.sheet_view(_find_sheet(desk, id)))))


def _add_findings(app: Flask, desk: Desk) -> None:
    def reports(kind: str, id: str) -> tuple[Report, ...]:
        found = (_find_report(desk, id),) if kind == "reports" else _find_sheet(desk, id).reports
        return found or abort(404, "the reports of this sheet were removed; judge it again on the page of its novel")

    @app.get(f"/<any('reports', 'sheets'):kind>/<id>/{LIST}")
    def show_list(kind: str, id: str) -> AnyResponse:
        text = desk.findings_list(reports(kind, id))
        return send_file(BytesIO(text.encode()), "text/markdown", as_attachment=True, download_name=LIST)

    @app.get(f"/<any('reports', 'sheets'):kind>/<id>/{DOCUMENT}")
    def show_document(kind: str, id: str) -> AnyResponse:
        data = BytesIO(desk.findings_document(reports(kind, id)))
        return send_file(data, _WORD, as_attachment=True, download_name=DOCUMENT)


def _own_policy(response: Response) -> Response:
    """Leave the policy to the page, which has it with the hash of its style; only frames are for the server to say."""
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
    return response


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
        message = f"the file is larger than {max_upload_mb} MB; upload a smaller one, or raise --max_upload_mb"
        return pages.render("error.html.jinja", message=message), 413

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[str, int]:
        return pages.render("error.html.jinja", message=error.description or error.name), error.code or 500


def _submit(desk: Desk, jobs: JobQueue, submission: Submission) -> DeskJob:
    novel = f"/novels/{quote(submission.novel)}"
    if not submission.character:
        title = f"The characters of a sheet in {submission.novel}"
        job = DeskJob(f"sheet{submission.id}", title, f"/sheets/{submission.id}", novel, submission)
        return jobs.submit(job, lambda: desk.judge_sheet(submission, jobs.start_step))
    title = f"{submission.character} in {submission.novel}"
    job = DeskJob(f"judge{submission.id}", title, f"/reports/{submission.id}", novel, submission)
    return jobs.submit(job, lambda: desk.judge(submission, jobs.start_step))


def _submitted_backstory() -> SheetText:
    """Return the backstory of the form: its file where one was chosen, else its text."""
    file = request.files.get("sheet")
    if file is not None and file.filename:
        return decode_backstory(file.read(), file.filename)
    return SheetText(request.form.get("backstory", ""))


def _find_job(jobs: JobQueue, id: str) -> DeskJob:
    job = jobs.find(id)
    if job is None:
        abort(404, "there is no such job; judge the backstory again on the page of the novel")
    return job


def _find_report(desk: Desk, id: str) -> Report:
    report = desk.report(id)
    if report is None:
        abort(404, "there is no such report; judge the backstory again on the page of its novel")
    return report


def _find_sheet(desk: Desk, id: str) -> SheetReport:
    sheet = desk.sheet_report(id)
    if sheet is None:
        abort(404, "there is no such sheet; judge it again on the page of its novel")
    return sheet


def _folder(desk: Desk, id: str) -> Path:
    folder = desk.folder(id)
    if folder is None:
        abort(404, "there is no such report; judge the backstory again on the page of its novel")
    return folder.resolve()


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]
