// Money is an integer count of fen. It is shown and typed in yuan, and no fraction is ever computed with.

/** The most that one sum may be, in fen. */
const FEN_MAX = 10_000_000_000;

/** `123456` -> `¥1,234.56`. */
export function yuan(fen) {
  const digits = String(Math.abs(fen)).padStart(3, "0");
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${fen < 0 ? "-" : ""}¥${whole}.${digits.slice(-2)}`;
}

/** `123456` -> `1234.56`, as it stands in a field. */
export function plainYuan(fen) {
  return yuan(fen).replace(/[¥,]/g, "");
}

/** `1234.5` -> `123450`; null for what is no sum from one fen to the most. */
export function fenOf(text) {
  const found = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.trim());
  if (!found) return null;
  const fen = Number(found[1] + (found[2] ?? "").padEnd(2, "0"));
  return fen >= 1 && fen <= FEN_MAX ? fen : null;
}
