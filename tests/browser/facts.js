// Appended to a copy of the page: what only a browser knows, as JSON in the document.
"use strict";
(() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const visible = (element) => element.getClientRects().length > 0;
  const name = (element) => `${element.tagName} ${(element.textContent || "").trim().slice(0, 40)}`;
  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      const [, , , alpha = 1] = channels(colour);
      if (alpha > 0) return colour;
    }
    return paper;
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || ["TITLE", "SCRIPT", "STYLE"].includes(parent.tagName.toUpperCase()) || !visible(parent)) continue;
    const style = getComputedStyle(parent);
    texts.push({ name: name(parent), ratio: contrast(parent.closest("svg") ? style.fill : style.color, behind(parent)), size: parseFloat(style.fontSize) });
  }
  // Text in charts is as large as the chart's scale makes it.
  const charts = [...document.querySelectorAll("svg")].filter(visible);
  const wrong = [];
  let bars = 0;
  let smallest = Infinity;
  for (const svg of charts) {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    smallest = Math.min(smallest, 13 * scale);
    const marks = [...svg.querySelectorAll("rect, text")];
    bars += svg.querySelectorAll("rect").length;
    const boxes = marks.map((mark) => [mark, mark.getBoundingClientRect()]);
    for (const [mark, own] of boxes) {
      if (own.left < box.left - 0.5 || own.right > box.right + 0.5 || own.top < box.top - 0.5 || own.bottom > box.bottom + 3)
        wrong.push(`${name(mark)} leaves the chart`);
    }
    boxes.forEach(([a, x], i) => {
      for (const [b, y] of boxes.slice(i + 1)) {
        const across = Math.min(x.right, y.right) - Math.max(x.left, y.left);
        const down = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
        // Lines of text are taller than their letters.
        if (across > 0.5 && down > 4) wrong.push(`${name(a)} and ${name(b)} overlap`);
      }
    });
  }
  const root = document.documentElement;
  const outside = [...document.body.querySelectorAll("*")].filter((element) => {
    if (!visible(element) || element.closest(".scroll")) return false;
    const box = element.getBoundingClientRect();
    return box.right > root.clientWidth + 0.5 || box.left < -0.5;
  });
  const rects = [...document.querySelectorAll("rect, .legend i")].filter(visible);
  const fill = (mark) => getComputedStyle(mark)[mark.tagName === "I" ? "backgroundColor" : "fill"];
  const facts = {
    width: root.clientWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper,
    overflow: root.scrollWidth - root.clientWidth,
    outside: outside.map(name),
    wrong,
    charts: charts.length,
    bars,
    smallest,
    texts: texts.length,
    faint: texts.filter((text) => !(text.ratio >= 4.5)).map((text) => `${text.name}: ${text.ratio}`),
    pale: rects.filter((mark) => !(contrast(fill(mark), paper) >= 3)).map((mark) => mark.getAttribute("class")),
    scrolling: [...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth + 1).length,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    scripts: document.scripts.length,
  };
  const out = document.createElement("pre");
  out.id = "facts";
  out.textContent = JSON.stringify(facts);
  document.body.append(out);
})();
