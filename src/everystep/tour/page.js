// From item to item: arrow keys, the two buttons, or a swipe. Plain scrolling is left alone.
(() => {
  const items = [...document.querySelectorAll(".item")];
  const links = [...document.querySelectorAll("nav.steps a")];
  const [back, on] = document.querySelectorAll("nav.steps button");

  const here = () => {
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    if (atEnd && scrollY > 0 && location.hash === "#" + items.at(-1).id) return items.length - 1;
    return Math.max(0, items.findLastIndex((item) => item.getBoundingClientRect().top < innerHeight / 3));
  };
  const mark = () => {
    const now = here();
    links.forEach((link) => {
      if (link.hash === "#" + items[now].id) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    back.disabled = now === 0;
    on.disabled = now === items.length - 1;
  };
  const go = (by) => {
    const item = items[Math.min(items.length - 1, Math.max(0, here() + by))];
    history.replaceState(null, "", "#" + item.id);
    item.scrollIntoView({ behavior: "instant" });
    mark();
  };

  document.querySelectorAll("nav.steps button").forEach((button) =>
    button.addEventListener("click", () => go(Number(button.dataset.go))));

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(by);
  });

  let touch = null;
  addEventListener("touchstart", (event) => {
    touch = event.touches.length === 1 ? { x: event.touches[0].clientX, y: event.touches[0].clientY } : null;
  }, { passive: true });
  addEventListener("touchend", (event) => {
    if (!touch) return;
    const x = event.changedTouches[0].clientX - touch.x, y = event.changedTouches[0].clientY - touch.y;
    touch = null;
    if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) go(x < 0 ? 1 : -1);
  }, { passive: true });

  addEventListener("scroll", mark, { passive: true });
  addEventListener("resize", mark);
  mark();
})();
