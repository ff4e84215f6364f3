/** Aligns columns of text: the first to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  // Not `Math.max(...lengths)`: there may be a row for each of many organizations, and arguments are on the stack.
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
