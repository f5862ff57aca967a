"use strict";

function followJob(section) {
  const bar = section.querySelector("progress");
  const step = document.getElementById("step");
  const percent = document.getElementById("percent");

  async function look() {
    const answer = await fetch(section.dataset.job).catch(() => null);
    if (!answer?.ok) {
      step.textContent = "The server does not answer; start it again and reload this page.";
      return;
    }
    const job = await answer.json();
    if (job.state === "done") return location.replace(job.target);
    if (job.state === "failed") return location.reload();
    step.textContent = job.step;
    percent.textContent = job.percent === null ? "" : `${job.percent} %`;
    if (job.percent === null) bar.removeAttribute("value");
    else bar.value = job.percent;
    setTimeout(look, 700);
  }

  setTimeout(look, 300);
}

function takeDrops(form) {
  const input = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

function pickNames(buttons) {
  const field = document.getElementById("character");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      field.value = button.dataset.name;
      document.getElementById("backstory").focus();
    });
  }
}

document.querySelectorAll("[data-job]").forEach(followJob);
document.querySelectorAll("form.drop").forEach(takeDrops);
pickNames(document.querySelectorAll("button.pick"));
