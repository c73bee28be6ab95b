// How text is encoded, and how two texts differ.

export const ENCODINGS = ["utf-8", "windows-1252", "iso-8859-2", "iso-8859-15", "windows-1251", "koi8-r", "utf-16le", "utf-16be", "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr"];

// guess is how text seems to be encoded; "": it is no text.
export function guess(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const some = bytes.subarray(0, 8192);
  const zeros = [0, 0];
  some.forEach((b, i) => { if (!b) zeros[i % 2]++; });
  if (zeros[1] > some.length / 4 && !zeros[0]) return "utf-16le";
  if (zeros[0] > some.length / 4 && !zeros[1]) return "utf-16be";
  if (zeros[0] + zeros[1] || some.filter((b) => b < 32 && ![7, 8, 9, 10, 12, 13, 27].includes(b)).length > some.length / 50) return "";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}

// decode is text in an encoding; one that nobody knows is read as Western European.
export function decode(bytes, encoding) {
  let decoder;
  try { decoder = new TextDecoder(encoding); } catch { decoder = new TextDecoder("windows-1252"); }
  return decoder.decode(bytes);
}

const MOST = 4000; // differences that are looked for

// difference is the way from lines a to lines b: [" " | "-" | "+", line] for each line; null: they differ too much to tell.
export function difference(a, b) {
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const middle = shortest(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const same = (lines) => lines.map((l) => [" ", l]);
  return middle && [...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))];
}

// shortest is the shortest way by Myers' algorithm.
function shortest(a, b) {
  const n = a.length, m = b.length, most = Math.min(n + m, MOST);
  let v = new Int32Array(2 * most + 3);
  const trace = [], mid = most + 1;
  for (let d = 0; d <= most; d++) {
    trace.push(v.slice(mid - d - 1, mid + d + 2));
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && v[mid + k - 1] < v[mid + k + 1]) ? v[mid + k + 1] : v[mid + k - 1] + 1;
      while (x < n && x - k < m && a[x] === b[x - k]) x++;
      v[mid + k] = x;
      if (x >= n && x - k >= m) return way(a, b, trace, d);
    }
  }
  return null;
}

function way(a, b, trace, d) {
  const out = [];
  let x = a.length, y = b.length;
  for (; d > 0; d--) {
    const v = trace[d], at = (k) => v[k + d + 1], k = x - y;
    const from = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1;
    const px = at(from), py = px - from;
    while (x > px && y > py && a[x - 1] === b[y - 1]) { out.push([" ", a[--x]]); y--; }
    if (x === px) out.push(["+", b[--y]]); else out.push(["-", a[--x]]);
  }
  while (x > 0) out.push([" ", a[--x]]);
  return out.reverse();
}

// hunks leaves out what is equal, but for some lines around what is not: pieces with the first lines' numbers.
export function hunks(all, around = 3) {
  const keep = new Uint8Array(all.length);
  all.forEach(([sign], i) => { if (sign !== " ") keep.fill(1, Math.max(0, i - around), i + around + 1); });
  const out = [];
  let old = 1, now = 1;
  all.forEach(([sign, line], i) => {
    if (keep[i]) {
      if (!i || !keep[i - 1]) out.push({ old, now, lines: [] });
      out.at(-1).lines.push([sign, line]);
    }
    if (sign !== "+") old++;
    if (sign !== "-") now++;
  });
  return out;
}
