#!/bin/sh
# Keeps FOLDER/device.pem, a key and its certificate from an EST server (RFC 7030). Run it as often as you like.
# usage: est-device.sh FOLDER          needs curl 7.52 and openssl 3; reads FOLDER/est.conf and, once, FOLDER/code
# ends with: 0 nothing is left to do   75 try again later   76 not the server that was pinned   others: a person must look
set -eu && umask 077 && cd "${1:?usage: est-device.sh FOLDER}"
DAYS=30 PATIENCE=900 PAUSE=5 NAMES= && . ./est.conf # sets EST (URL with the label), PIN (SHA-256 of the root), SUBJECT; perhaps these
end() { echo "est-device: $2" >&2 && exit "$1"; } # STATUS TEXT
exec 9<est.conf && { ! command -v flock >/dev/null || flock -n 9 || end 75 "another run is at work"; } # they would mix their files
rm -rf new && mkdir -p new/none && TRUST='--cacert ca.pem --capath new/none' # else whom the machine trusts would do as well
ask() { # OPERATION [curl's options]: tries until PATIENCE seconds are over; the certificates are in new/certs.pem
    operation=$1 waited=0 pause=$PAUSE && shift
    while rm -f new/head new/body; do
        status=$(curl -sS --proto =https -m 60 -D new/head -o new/body -w '%{http_code}' "$@" "$EST/$operation") || status=000
        said="$operation: $status $(head -c 300 new/body 2>/dev/null)" || said="$operation: no answer"
        case $status in
        200) openssl base64 -d -in new/body | openssl pkcs7 -inform DER -print_certs -out new/certs.pem && return ;;
        000 | 202 | 429 | 5??) ;; # no answer, wait, too early, busy
        *) end 77 "$said" ;;
        esac
        after=$(sed -n 's/^[Rr]etry-[Aa]fter: *0*\([1-9][0-9]\{0,8\}\).*/\1/p' new/head 2>/dev/null) || true
        [ -z "$after" ] || ! [ -s ca.pem ] || echo "$(date +%s) $after" >later # who is not known yet makes nobody wait for years
        [ -n "$after" ] || { after=$pause && pause=$((pause * 2)); }
        # A fleet that was switched on at one moment must not come back at one moment: up to half as long again.
        after=$((after + $(od -An -N2 -tu2 /dev/urandom) * after / 131072))
        waited=$((waited + after)) && [ "$waited" -le "$PATIENCE" ] || end 75 "$said"
        sleep "$after"
    done
}
post() { openssl base64 -in new/request.der -out new/request && ask "$@" $TRUST -H Content-Type:application/pkcs10 --data-binary @new/request; }
proven() { openssl verify -no-CApath -no-CAstore -CAfile "$@" >new/verified 2>&1; } # ANCHORS CERTIFICATE
rooted() { proven "$1" "$1" || proven new/certs.pem "$1"; } # a root, which alone proves itself, or what leads to one
pinned() { [ "$(openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//')" = "${PIN##*=}" ]; }
those() { # COMMAND: prints those of the certificates that came for which it is true
    rm -f new/*.crt && awk '/^-----BEGIN/ { n++ } n { print > ("new/" n ".crt") }' new/certs.pem
    for one in new/*.crt; do if "$@" "$one"; then cat "$one"; fi; done
}
early() { read -r from told <later && since=$(($(date +%s) - ${from:-0})) && [ "$since" -ge 0 ] && [ "$since" -lt "$told" ]; } 2>/dev/null
[ code -nt later ] || ! early || end 75 "the server wants to be asked again in $((told - since)) seconds"
if ! [ -s ca.pem ]; then # from a server that is not known yet, only the certificate that is pinned is taken
    ask cacerts --insecure
    those pinned >new/ca.pem && [ -s new/ca.pem ] && mv new/ca.pem ca.pem || end 76 "no CA certificate with the fingerprint $PIN"
fi
[ -s device.pem ] && openssl x509 -in device.pem -noout -checkend $((DAYS * 86400)) >new/due && exit 0
ask cacerts $TRUST # now it is known: its roots and those that come next, and what leads to one of them
those rooted >new/ca.pem && [ -s new/ca.pem ] && mv new/ca.pem ca.pem
# The key stays until its certificate is here: a lost answer, or one that waits, is asked for with the same key again.
[ -s next.key ] || { openssl ecparam -name prime256v1 -genkey -noout -out new/key && mv new/key next.key; }
if [ -s code ]; then
    openssl req -new -utf8 -key next.key -subj "$SUBJECT" ${NAMES:+-addext "subjectAltName=$NAMES"} -outform DER -out new/request.der
    post simpleenroll -K code
else # a renewal has the subject and names of the certificate, to the letter
    openssl pkey -in next.key -pubout -out new/public
    openssl x509 -x509toreq -in device.pem -force_pubkey new/public -signkey next.key -copy_extensions copy |
        openssl req -outform DER -out new/request.der
    post simplereenroll --cert device.pem
fi
proven ca.pem new/certs.pem || end 78 "the certificate that came is none of this CA"
[ "$(openssl x509 -in new/certs.pem -noout -pubkey)" = "$(openssl pkey -in next.key -pubout)" ] || end 78 "it is for another key"
# One file and one rename: no power cut parts a key from its certificate.
cat next.key new/certs.pem >new/device.pem && sync && mv new/device.pem device.pem && rm -f next.key code later
