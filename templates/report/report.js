"use strict";
(() => {
  const form = document.getElementById("filter");
  const rules = [...document.querySelectorAll(".rule")];
  const apply = () => {
    const chosen = new Set([...form.querySelectorAll("[name=status]:checked")].map((box) => box.value));
    const grader = form.elements.grader.value;
    const text = form.elements.text.value.trim().toLowerCase();
    let shown = 0;
    for (const rule of rules) {
      const fits = chosen.has(rule.dataset.status)
        && (!grader || rule.dataset.graders.split(" ").includes(grader))
        && (!text || rule.textContent.toLowerCase().includes(text));
      rule.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const group of document.querySelectorAll(".group")) {
      group.hidden = !group.querySelector(".rule:not([hidden])");
    }
    form.querySelector("output").textContent = `${shown} of ${rules.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
