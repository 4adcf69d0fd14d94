/** What the page of a report does by itself: shows the cases that are asked for. Plain JavaScript for a browser. */

export const FILTER_SCRIPT = `
const form = document.getElementById("filter");
const cases = [...document.querySelectorAll("article")].map((element) => ({
  element,
  level: element.dataset.level,
  results: element.dataset.results.split(" ").map((result) => result.split(":")),
  text: element.textContent.toLowerCase(),
}));
function apply() {
  const { text, level, place, status } = Object.fromEntries(new FormData(form));
  const words = text.toLowerCase().split(/\\s+/);
  let shown = 0;
  for (const one of cases) {
    const wanted =
      (level === "" || one.level === level) &&
      one.results.some((result) => (place === "" || result[0] === place) && (status === "" || result[1] === status)) &&
      words.every((word) => one.text.includes(word));
    one.element.hidden = !wanted;
    if (wanted) shown++;
  }
  form.querySelector("output").textContent = shown + " of " + cases.length;
  document.getElementById("nothing").hidden = shown > 0;
}
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
for (const cell of document.querySelectorAll(".matrix a")) {
  cell.addEventListener("click", () => {
    form.elements.level.value = cell.dataset.level;
    form.elements.place.value = cell.dataset.place;
    apply();
  });
}
apply();
`;
