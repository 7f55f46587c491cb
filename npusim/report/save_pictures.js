"use strict";
// The buttons that save pictures, in light colours on white. Nothing is fetched from anywhere.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  // Styles are written out, so that a file looks alike everywhere.
  const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray",
    "stroke-linejoin", "font-family", "font-size", "font-weight", "text-anchor", "paint-order"];
  function standalone(svg) {
    const copy = svg.cloneNode(true), sources = [svg, ...svg.querySelectorAll("*")];
    document.documentElement.classList.add("paper");  // the light colours, whatever the page has
    [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
      if (node.tagName === "title" || node.classList.contains("chosen")) return;
      const style = getComputedStyle(sources[i]);
      node.setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    document.documentElement.classList.remove("paper");
    copy.querySelectorAll(".chosen").forEach((node) => node.remove());
    const { width, height } = svg.viewBox.baseVal;
    const ground = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ width, height, fill: "#fff" })) ground.setAttribute(key, value);
    copy.prepend(ground);
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  }
  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  async function png({ text, width, height }) {
    const image = new Image();
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = 2 * width;
    canvas.height = 2 * height;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }
  document.querySelectorAll("figure[data-chart]").forEach((holder) => {
    const bar = document.createElement("div");
    bar.className = "tools save";
    const shown = () => [...holder.querySelectorAll("svg")].find((svg) => svg.getBoundingClientRect().width);
    const name = `${document.title.replace(" on ", "_")}_${holder.dataset.chart}`.replace(/[^\w.-]+/g, "_");
    for (const kind of ["SVG", "PNG"]) {
      const button = document.createElement("button");
      button.textContent = kind;
      button.title = `save this picture as ${kind}`;
      button.addEventListener("click", async () => {
        const picture = standalone(shown());
        const blob = kind === "SVG" ? new Blob([picture.text], { type: "image/svg+xml" }) : await png(picture);
        save(blob, `${name}.${kind.toLowerCase()}`);
      });
      bar.append(button);
    }
    holder.append(bar);
  });
})();
