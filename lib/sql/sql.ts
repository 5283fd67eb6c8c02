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

/** Several statements in one text, as a file holds them. They have no parameters. */
export class SqlScript extends SqlFragment {
  constructor(text: string) {
    super([text], []);
  }
}

/** A call of a statement whose text is always the same, so that what is derived from the text can be kept by its `template`. */
export class SqlCall extends SqlFragment {
  readonly template: SqlFragment;

  constructor(template: SqlFragment, values: readonly unknown[]) {
    super(template.strings, values);
    this.template = template;
  }
}

/** The place of a value in a statement that is written before there are values. */
class SqlHole {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
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

/**
 * A statement whose text is made once: `const byName = statement<[name: string]>((name) => sql\`… WHERE name = ${name}\`)`, to be
 * called with the values. `build` sees holes in their place, so it can only put them into the statement.
 */
export const statement = <Values extends readonly unknown[]>(
  build: (...holes: { readonly [Index in keyof Values]: SqlHole }) => SqlFragment,
): ((...values: Values) => SqlFragment) => {
  const holes = Array.from({ length: build.length }, (_, index) => new SqlHole(index));
  const template = build(...(holes as { readonly [Index in keyof Values]: SqlHole }));
  return (...values) =>
    new SqlCall(
      template,
      template.values.map((value) => (value instanceof SqlHole ? values[value.index] : value)),
    );
};
