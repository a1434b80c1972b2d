// Passkeys: the browser makes or shows one, and what comes back is sent with the form of the page.

import { base64url, fromBase64 } from "./octets";
import { attempt, Failure, found } from "./page";

interface Known {
  readonly id: string;
  readonly type: PublicKeyCredentialType;
  readonly transports?: AuthenticatorTransport[];
}

/** Options as JSON carries them: octets are in base64url. */
interface CreateOptions extends Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> {
  readonly challenge: string;
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly excludeCredentials?: readonly Known[];
}

interface GetOptions extends Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> {
  readonly challenge: string;
  readonly allowCredentials?: readonly Known[];
}

const known = (passkeys: readonly Known[] = []): PublicKeyCredentialDescriptor[] =>
  passkeys.map((one) => ({ ...one, id: fromBase64(one.id) }));

const ASK: Record<string, (options: string) => Promise<Credential | null>> = {
  create: (text) => {
    const options = JSON.parse(text) as CreateOptions;
    return navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: fromBase64(options.challenge),
        user: { ...options.user, id: fromBase64(options.user.id) },
        excludeCredentials: known(options.excludeCredentials),
      },
    });
  },
  get: (text) => {
    const options = JSON.parse(text) as GetOptions;
    return navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: fromBase64(options.challenge),
        allowCredentials: known(options.allowCredentials),
      },
    });
  },
};

/** Enable every form with `data-passkey`. */
export function passkeys(within: ParentNode): void {
  for (const form of within.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void attempt(form, "passkey", async () => {
        const credential = await ASK[form.dataset["passkey"] ?? ""]?.(form.dataset["options"] ?? "");
        if (!(credential instanceof PublicKeyCredential)) {
          throw new Failure("passkey");
        }
        found(form, "[name=answer]", HTMLInputElement).value = written(credential);
        form.submit();
      });
    });
  }
}

const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"] as const;

/** As JSON, in the shape that servers read. */
function written(credential: PublicKeyCredential): string {
  const { id, rawId, type, response } = credential;
  const parts = response as Partial<Record<(typeof PARTS)[number], ArrayBuffer | null>>;
  const texts = PARTS.flatMap((name) => {
    const octets = parts[name];
    return octets ? [[name, base64url(new Uint8Array(octets))]] : [];
  });
  return JSON.stringify({
    id,
    rawId: base64url(new Uint8Array(rawId)),
    type,
    response: Object.fromEntries(texts) as unknown,
    clientExtensionResults: {},
  });
}
