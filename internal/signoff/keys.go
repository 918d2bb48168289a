package signoff

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"
)

// GenerateKey makes a key pair in PEM, as `openssl genpkey -algorithm ed25519` does: PKCS #8 and PKIX.
func GenerateKey() (private, public []byte, err error) {
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(privateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(publicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}), nil
}

// mostKey bounds a key file, in bytes.
const mostKey = 16 << 10

// ReadPrivateKey reads an ed25519 key that signs: PKCS #8 in PEM, or OpenSSH's format, without a passphrase. A file that others can
// read is rejected.
func ReadPrivateKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s can be read by others (mode %o): chmod 600 it, and replace the key if others had access", path, info.Mode().Perm())
	}
	raw, err := readKeyFile(path, info)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	parsed, err := ssh.ParseRawPrivateKey(raw)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("the signing key %s has a passphrase, which cannot be asked for here: use one without, in a file of mode 600", path)
	case err != nil:
		return nil, fmt.Errorf("%s holds no private key: make one with `openssl genpkey -algorithm ed25519`", path) // no detail of what it holds
	}
	switch key := parsed.(type) {
	case ed25519.PrivateKey:
		return key, nil
	case *ed25519.PrivateKey:
		return *key, nil
	}
	return nil, fmt.Errorf("the signing key %s is of another kind than ed25519: make one with `openssl genpkey -algorithm ed25519`", path)
}

// ReadPublicKey reads an ed25519 key that verifies: PKIX in PEM, or a line as in OpenSSH's authorized_keys.
func ReadPublicKey(path string) (ed25519.PublicKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	raw, err := readKeyFile(path, info)
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	if block, _ := pem.Decode(raw); block != nil {
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("%s holds a %.40q, not a public key: give the public half", path, block.Type)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the public key %s: %w", path, err)
		}
		if key, ok := parsed.(ed25519.PublicKey); ok {
			return key, nil
		}
		return nil, fmt.Errorf("the public key %s is of another kind than ed25519", path)
	}
	parsed, _, _, _, err := ssh.ParseAuthorizedKey(bytes.TrimSpace(raw))
	if err != nil {
		return nil, fmt.Errorf("%s holds no public key, neither in PEM nor as OpenSSH writes it", path)
	}
	if holder, ok := parsed.(ssh.CryptoPublicKey); ok {
		if key, ok := holder.CryptoPublicKey().(ed25519.PublicKey); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("the public key %s is of another kind than ed25519", path)
}

func readKeyFile(path string, info os.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() || info.Size() > mostKey {
		return nil, fmt.Errorf("%s is no key file: it is no regular file, or larger than %d kB", path, mostKey>>10)
	}
	return os.ReadFile(filepath.Clean(path))
}

// KeyID names a public key as OpenSSH does: "SHA256:" and base64.
func KeyID(key ed25519.PublicKey) (string, error) { return dsse.SHA256KeyID(key) }

// signingKey signs an envelope.
type signingKey struct{ ed25519.PrivateKey }

// Sign makes the signature of what DSSE hands it.
func (k signingKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(k.PrivateKey, data), nil
}

// KeyID is that of the public half.
func (k signingKey) KeyID() (string, error) {
	return KeyID(ed25519.PublicKey(k.PrivateKey[ed25519.SeedSize:]))
}

// verifyingKey checks an envelope.
type verifyingKey struct{ key ed25519.PublicKey }

var errSignature = errors.New("the signature is not of this key")

// Verify checks a signature.
func (k verifyingKey) Verify(_ context.Context, data, signature []byte) error {
	if len(signature) != ed25519.SignatureSize || !ed25519.Verify(k.key, data, signature) {
		return errSignature
	}
	return nil
}

// KeyID is the key's.
func (k verifyingKey) KeyID() (string, error) { return KeyID(k.key) }

// Public is the key.
func (k verifyingKey) Public() crypto.PublicKey { return k.key }
