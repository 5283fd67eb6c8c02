import type { Json, JsonObject } from './document.js';
import type { Attribute, ResourceType } from './schema.js';

/**
 * What a quirk is: a way of saying something that the RFC says otherwise, seen from a real client, as data.
 * The rules are in `quirk-rules-*.ts`, one file for each chapter of the catalogue; `quirks.ts` puts them in order and applies them.
 */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';

/** U: a person by PATCH. P: a person by POST, PUT, DELETE. G: groups. F: searching and reading. H: HTTP. */
export type QuirkId = `${'U' | 'P' | 'G' | 'F' | 'H'}${'0' | '1' | '2' | '3'}${Digit}`;

/** Where in a body or a PATCH the value of an attribute stands. */
export interface ValuePlace {
  readonly attribute: Attribute;
  /** What the standard wants there. */
  readonly expects: 'list' | 'element' | 'one';
  readonly part: 'body' | 'patch';
  readonly resource: ResourceType['name'];
}

/** The parts of a request, and what has to be known of it to read them. */
export interface RequestParts {
  /** Of POST and PUT. */
  readonly body: { readonly value: JsonObject; readonly scope: readonly [type: ResourceType] };
  readonly patch: { readonly value: JsonObject; readonly scope: readonly [type: ResourceType] };
  /** Every value of a body or a PATCH, from the outside to the inside. */
  readonly value: { readonly value: Json; readonly scope: readonly [place: ValuePlace] };
  readonly filter: { readonly value: string; readonly scope: readonly [types: readonly ResourceType[]] };
  /** `attributes`, `excludedAttributes`, `sortBy`: attribute names with commas between them. */
  readonly names: { readonly value: string; readonly scope: readonly [types: readonly ResourceType[]] };
  /** As sent, with the question mark; empty where there is none. */
  readonly query: { readonly value: string; readonly scope: readonly [] };
  /** Below the base address, as sent. */
  readonly path: { readonly value: string; readonly scope: readonly [] };
  /** The header; empty where there is none. */
  readonly contentType: { readonly value: string; readonly scope: readonly [] };
}

export type PartName = keyof RequestParts;

/** Each one gives its standard form, and the very same value where there is nothing to do: that tells whether it was met. */
export type Rewrites = {
  readonly [Part in PartName]?: (
    value: RequestParts[Part]['value'],
    ...scope: RequestParts[Part]['scope']
  ) => RequestParts[Part]['value'];
};

interface CatalogueRow {
  readonly id: QuirkId;
  readonly sentBy: string;
  /** Where RFC 7643, 7644 or another one is bent, or what it asks for where clients doubt that a server does it. */
  readonly rfc: string;
  readonly meaning: string;
}

/** Not standard, and rewritten to what is. */
export interface RewrittenQuirk extends CatalogueRow {
  readonly part: Exclude<PartName, 'value'>;
  /** Of a `body` or a `patch`. */
  readonly resource?: ResourceType['name'];
  /** As sent; of a PATCH its operation, if it is not about the whole. */
  readonly example: string | JsonObject;
  /** What the example becomes; operations, where one becomes several. */
  readonly standard: string | JsonObject | readonly JsonObject[];
  readonly rewrite: Rewrites;
}

/** Understood without a rewrite: by the RFC itself, or by a rule of ours where the resource has to be known. */
export interface CoveredQuirk extends CatalogueRow {
  readonly example: string | JsonObject;
  readonly coveredBy: string;
  /** Where the request alone tells that it departs from the RFC. */
  readonly recognise?: (operation: JsonObject, type: ResourceType) => boolean;
}

export type Quirk = RewrittenQuirk | CoveredQuirk;
