// Regions that scroll can be reached by keyboard, and say what they are.
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll(".highlight pre, .table-wrapper, .cell_output .output, div.math, .toc-scroll")) {
    part.tabIndex = 0;
  }
});
