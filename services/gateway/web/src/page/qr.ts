// The page's own address as a QR code (ISO/IEC 18004), drawn as one path.
import encodeQR from "qr";
import { svg } from "./dom.ts";

const QUIET = 4; // modules around it, as the standard asks

export function qr(address: string, label: string): SVGElement {
  const rows = encodeQR(address, "raw", { ecc: "medium", border: QUIET });
  let path = "";
  for (const [y, row] of rows.entries()) {
    for (const [x, dark] of row.entries()) if (dark) path += `M${x} ${y}h1v1h-1z`;
  }
  const size = String(rows.length);
  return svg(
    "svg",
    { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: path, fill: "#000" }),
  );
}
