// Whether a ClusterIssuer, as JSON on the standard input, is what cert-manager's own definitions say; it ends with 1 where not.
import { readFileSync } from "node:fs";
import { ClusterIssuer } from "@kubernetes-models/cert-manager/cert-manager.io/v1";

new ClusterIssuer(JSON.parse(readFileSync(0, "utf8"))).validate();
