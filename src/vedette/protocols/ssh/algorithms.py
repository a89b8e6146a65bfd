"""Which algorithms are spoken, on both sides.

Terrapin (CVE-2023-48795) strips packets from before encryption begins, and works where the first
lost one is not noticed: chacha20-poly1305, and any cipher with an encrypt-then-MAC. Strict key
exchange closes it where both peers know it; these lists close it where the other does not.
SHA-1, CBC and DSA are not here either.
"""

from __future__ import annotations

KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
)
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
#: Only with the CTR ciphers; GCM brings its own.
MACS = ("hmac-sha2-256", "hmac-sha2-512")
SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
#: SSH_MSG_IGNORE. asyncssh sends one before each packet, so that nobody knows the next one's initialisation
#: vector: in CBC that is the last block seen (RFC 4251 section 9.3.1). No cipher here chains so.
IGNORED = 2
#: No compression: what a caller chooses and what it must not learn would share one stream.
COMPRESSIONS = ("none",)
