// ASN.1 in the few words that we need of it; encoding and decoding are asn1js'.

import * as asn1js from "asn1js";
import type { Octets } from "./octets";

export type Node = asn1js.BaseBlock;

/** Not what it should be. */
export class Unreadable extends Error {}

const CONTEXT = 3;
const UNIVERSAL = 1;
const BMP_STRING = 30;

export const sequence = (...value: Node[]): Node => new asn1js.Sequence({ value });
export const set = (...value: Node[]): Node => new asn1js.Set({ value });
export const oid = (value: string): Node => new asn1js.ObjectIdentifier({ value });
export const integer = (value: number): Node => new asn1js.Integer({ value });
export const nothing = (): Node => new asn1js.Null();
export const utf8String = (value: string): Node => new asn1js.Utf8String({ value });
export const octetString = (valueHex: Octets): Node => new asn1js.OctetString({ valueHex });
export const bitString = (valueHex: Octets): Node => new asn1js.BitString({ valueHex });
/** A non-negative integer from its octets, the most significant first. */
export function unsigned(octets: Octets): Node {
  const first = octets.findIndex((one) => one !== 0);
  const bare = first < 0 ? new Uint8Array(1) : octets.slice(first);
  // A leading one bit would make it negative.
  const valueHex = (bare[0] ?? 0) & 0x80 ? Uint8Array.of(0, ...bare) : bare;
  return new asn1js.Integer({ valueHex });
}
export const bmpString = (valueHex: Octets): Node =>
  new asn1js.Primitive({ idBlock: { tagClass: UNIVERSAL, tagNumber: BMP_STRING }, valueHex });
/** [n] EXPLICIT, or [n] IMPLICIT of what is constructed. */
export const tagged = (tagNumber: number, ...value: Node[]): Node =>
  new asn1js.Constructed({ idBlock: { tagClass: CONTEXT, tagNumber }, value });
/** [n] IMPLICIT of a string. */
export const taggedString = (tagNumber: number, valueHex: Octets): Node =>
  new asn1js.Primitive({ idBlock: { tagClass: CONTEXT, tagNumber }, valueHex });

export const encoded = (node: Node): Octets => new Uint8Array(node.toBER());

export function decoded(octets: Octets): Node {
  const { offset, result } = asn1js.fromBER(octets);
  if (offset !== octets.length) {
    throw new Unreadable("no ASN.1, or more than one value of it");
  }
  return result;
}

/** What is in a SEQUENCE, a SET or an explicit tag. */
export function members(node: Node | undefined): Node[] {
  if (node instanceof asn1js.Constructed) {
    return node.valueBlock.value;
  }
  throw new Unreadable("not constructed");
}

export function idOf(node: Node | undefined): string {
  if (node instanceof asn1js.ObjectIdentifier) {
    return node.getValue();
  }
  throw new Unreadable("no object identifier");
}

export function numberOf(node: Node | undefined): number {
  if (node instanceof asn1js.Integer) {
    return node.valueBlock.valueDec;
  }
  throw new Unreadable("no number");
}

/** The octets of an OCTET STRING, also of one that comes in pieces, be it tagged or not. */
export function octetsOf(node: Node | undefined): Octets {
  if (node instanceof asn1js.OctetString) {
    return new Uint8Array(node.getValue());
  }
  if (node instanceof asn1js.Primitive) {
    return new Uint8Array(node.valueBlock.valueHexView);
  }
  const pieces = members(node).map(octetsOf);
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

/** A value as it was read, its tag and length included. */
export const wholeOf = (node: Node | undefined): Octets => {
  if (node === undefined) {
    throw new Unreadable("too short");
  }
  return new Uint8Array(node.valueBeforeDecodeView);
};

export const isTagged = (node: Node | undefined, tagNumber: number): boolean =>
  node?.idBlock.tagClass === CONTEXT && node.idBlock.tagNumber === tagNumber;

export const isInteger = (node: Node | undefined): boolean => node instanceof asn1js.Integer;
