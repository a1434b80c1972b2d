// Certification requests (RFC 2986): what a key asks of the certification authority.

import { bitString, decoded, encoded, integer, octetString, oid, sequence, set, tagged, taggedString, utf8String } from "./der";
import { type Pair, signature, signatureAlgorithm } from "./keys";
import { type Octets, utf8 } from "./octets";

const COMMON_NAME = "2.5.4.3";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const SUBJECT_ALT_NAME = "2.5.29.17";
const DNS_NAME = 2;
const LONGEST_COMMON_NAME = 64;

/** What is asked for. The registration's data wins over it; it is here so that whoever reads the request knows whose it is. */
export interface Wanted {
  readonly commonName: string;
  /** DNS names. */
  readonly names: readonly string[];
}

/** A request in DER, signed by the key that it is about. */
export async function request(pair: Pair, wanted: Wanted): Promise<Octets> {
  const information = sequence(
    integer(0),
    subject(wanted.commonName),
    decoded(pair.spki),
    tagged(0, ...attributes(wanted.names)),
  );
  const made = await signature(pair.kind, pair.privateKey, encoded(information));
  return encoded(sequence(information, signatureAlgorithm(pair.kind), bitString(made)));
}

function subject(commonName: string) {
  // Longer than the attribute may be (RFC 5280, A.1): a request without a subject is as good.
  const fits = commonName !== "" && [...commonName].length <= LONGEST_COMMON_NAME;
  return fits ? sequence(set(sequence(oid(COMMON_NAME), utf8String(commonName)))) : sequence();
}

function attributes(names: readonly string[]) {
  if (names.length === 0) {
    return [];
  }
  const general = sequence(...names.map((name) => taggedString(DNS_NAME, utf8(name))));
  const extension = sequence(oid(SUBJECT_ALT_NAME), octetString(encoded(general)));
  return [sequence(oid(EXTENSION_REQUEST), set(sequence(extension)))];
}
