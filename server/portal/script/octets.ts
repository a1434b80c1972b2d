// Octets, and the ways in which they are written.

export type Octets = Uint8Array<ArrayBuffer>;

export const utf8 = (text: string): Octets => new TextEncoder().encode(text);

/** UTF-16, big-endian: what PKCS #12 calls a BMPString, surrogates of rare characters included. */
export function utf16(text: string): Octets {
  const octets = new Uint8Array(text.length * 2);
  const view = new DataView(octets.buffer);
  for (let at = 0; at < text.length; at++) {
    view.setUint16(at * 2, text.charCodeAt(at));
  }
  return octets;
}

export function joined(...parts: readonly Uint8Array[]): Octets {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const random = (length: number): Octets => crypto.getRandomValues(new Uint8Array(length));

export const hex = (octets: Uint8Array): string =>
  Array.from(octets, (one) => one.toString(16).padStart(2, "0")).join("");

export const fromHex = (text: string): Octets =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export function base64(octets: Uint8Array): string {
  let text = "";
  for (const one of octets) {
    text += String.fromCharCode(one);
  }
  return btoa(text);
}

export const base64url = (octets: Uint8Array): string =>
  base64(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Either alphabet, with or without padding, and with whatever blanks PEM has in it. */
export const fromBase64 = (text: string): Octets =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/").replaceAll(/\s/g, "")), (one) =>
    one.charCodeAt(0),
  );

/** A block of PEM: what it is called, and what is in it. */
export interface Block {
  readonly label: string;
  readonly headers: string;
  readonly octets: Octets;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\s*((?:[\w-]+:.*\r?\n(?:[ \t].*\r?\n)*)*)([A-Za-z0-9+/=\s]*)-----END \1-----/g;

export const blocks = (text: string): Block[] =>
  Array.from(text.matchAll(BLOCK), ([, label = "", headers = "", body = ""]) => ({
    label,
    headers,
    octets: fromBase64(body),
  }));

export const pem = (label: string, octets: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${(base64(octets).match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;

export const sha256 = async (octets: Octets): Promise<Octets> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
