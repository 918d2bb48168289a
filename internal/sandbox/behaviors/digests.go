package behaviors

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

func keyed(newHash func() hash.Hash) sandbox.Digest {
	return func(key, message []byte) []byte {
		mac := hmac.New(newHash, key)
		mac.Write(message)
		return mac.Sum(nil)
	}
}

// The digests that flawed receivers make instead of, or in addition to, the provider's.
var (
	hmacSHA256 = keyed(sha256.New)
	hmacSHA1   = keyed(sha1.New)
	hmacSHA384 = keyed(sha512.New384)
	hmacMD5    = keyed(md5.New)
)

// plainSHA512 uses no key at all.
func plainSHA512(_, message []byte) []byte {
	sum := sha512.Sum512(message)
	return sum[:]
}

func exactBase64(expected []byte, given string) bool {
	return given == base64.StdEncoding.EncodeToString(expected)
}
