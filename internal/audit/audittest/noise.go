package audittest

import "math/rand/v2"

// Noise is a content that may be encrypted.
func Noise() string {
	noise := make([]byte, 8192)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // it never fails
	return string(noise)
}
