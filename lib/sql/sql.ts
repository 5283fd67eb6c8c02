/**
 * SQL as a value that strings cannot enter: the holes of the tag are parameters or other fragments, never text.
 */
export class SqlFragment {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }

  /** The statement with `$1 …` in place of its holes. */
  toQuery(): { readonly text: string; readonly values: unknown[] } {
    let text = this.strings[0] ?? '';
    for (let i = 1; i < this.strings.length; i += 1) text += `$${i}${this.strings[i]}`;
    return { text, values: [...this.values] };
  }
}

/** `sql\`… ${parameter} … ${fragment} …\``: a hole is a parameter of the statement unless it is a fragment itself. */
export const sql = (strings: TemplateStringsArray, ...holes: readonly unknown[]): SqlFragment => {
  const texts: string[] = [strings[0] ?? ''];
  const values: unknown[] = [];
  holes.forEach((hole, index) => {
    const after = strings[index + 1] ?? '';
    if (hole instanceof SqlFragment) {
      const inner = hole.strings;
      texts[texts.length - 1] += inner[0] ?? '';
      for (let i = 1; i < inner.length; i += 1) {
        values.push(hole.values[i - 1]);
        texts.push(inner[i] ?? '');
      }
      texts[texts.length - 1] += after;
    } else {
      values.push(hole);
      texts.push(after);
    }
  });
  return new SqlFragment(texts, values);
};

export const joinSql = (fragments: readonly SqlFragment[], separator: SqlFragment): SqlFragment =>
  fragments.reduce((all, next, index) => (index === 0 ? next : sql`${all}${separator}${next}`), sql``);
