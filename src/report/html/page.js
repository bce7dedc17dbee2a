// The page says everything without this; it only makes long plans easier to search.
const box = document.querySelector(".filter");
const input = box.querySelector("input");
const said = box.querySelector("output");
const accounts = [...document.querySelectorAll(".account")];
const homes = accounts.map((home) => ({
  home,
  open: home.open,
  steps: [...home.querySelectorAll(".step")].map((step) => ({
    step,
    text: (home.dataset.name + " " + step.textContent).toLowerCase(),
  })),
}));

function filter() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { home, open, steps } of homes) {
    let any = false;
    for (const { step, text } of steps) {
      const fits = words.every((word) => text.includes(word));
      step.hidden = !fits;
      any ||= fits;
      shown += fits;
    }
    home.hidden = !any;
    home.open = words.length ? any : open;
  }
  said.textContent = words.length ? `${shown} of ${input.dataset.total} changes` : "";
}

// A link to a change opens the account that it is in.
function reveal() {
  const step = document.getElementById(location.hash.slice(1));
  const home = step?.closest(".account");
  if (!home) return;
  if (step.hidden) {
    input.value = "";
    filter();
  }
  home.open = true;
  step.scrollIntoView();
}

let timer;
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(filter, 100);
});
addEventListener("hashchange", reveal);
box.hidden = accounts.length === 0;
reveal();
