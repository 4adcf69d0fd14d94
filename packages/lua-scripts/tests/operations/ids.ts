/** The ID just before one whose numbers are exact in JavaScript. */
export function justBefore(id: string): string {
  const [ms = "0", seq = "0"] = id.split("-");
  return seq === "0" ? `${Number(ms) - 1}-18446744073709551615` : `${ms}-${Number(seq) - 1}`;
}
