// The small bundle, for every page: signing in, the gate, passkeys.

import { scripted } from "./page";
import { passkeys } from "./passkey";
import { signIn } from "./sign_in";
import { work } from "./work";

scripted(document);
signIn(document);
work(document);
passkeys(document);
