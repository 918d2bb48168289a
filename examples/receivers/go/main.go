// A receiver of Begini's webhooks with Go's standard library only. Copy it, and put your own work into take.
//
// It reads BEGINI_API_KEY and BEGINI_INTEGRATION_ID, listens at LISTEN (default 127.0.0.1:8443), and speaks HTTPS itself when
// TLS_CERT_FILE and TLS_KEY_FILE are set; otherwise something in front of it must.
//
// The order matters: bound the body, verify its raw bytes, and only then parse and validate. Rejections say nothing about why, and
// the log holds no UID, no payload and no signature.
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

const maxBody = 1 << 20 // bytes; events are a few KiB

var uidPattern = regexp.MustCompile(`^[A-Za-z0-9-]{5,60}$`)

var knownTypes = map[string]bool{
	"psychometric_score.complete": true, "android_score.complete": true, "ios_score.complete": true,
	"application.complete": true, "application.expired": true, "application.incomplete": true, "application.cancelled": true,
}

type event struct {
	UID           string `json:"uid"`
	IntegrationID string `json:"integration_id"`
	Event         *struct {
		Type    string          `json:"type"`
		Details json.RawMessage `json:"details"`
	} `json:"event"`
}

type receiver struct {
	key           []byte
	integrationID string

	mu    sync.Mutex
	taken map[string]bool // in production: a unique index over uid and type in the database
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/begini" {
		refuse(w, http.StatusNotFound)
		return
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	if !r.signed(req.Header.Values("X-Signature"), body) {
		refuse(w, http.StatusUnauthorized)
		return
	}
	e, status := r.parse(body)
	if status != http.StatusOK {
		refuse(w, status)
		return
	}
	r.take(e)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK) // exactly 200: the provider counts 201 and 204 as failures
	if _, err := io.WriteString(w, `{"status":"ok"}`); err != nil {
		log.Print("answer not sent")
	}
}

// signed compares in constant time, over the bytes as they arrived.
func (r *receiver) signed(signatures []string, body []byte) bool {
	if len(signatures) != 1 {
		return false
	}
	given, err := hex.DecodeString(signatures[0])
	if err != nil {
		return false
	}
	mac := hmac.New(sha512.New, r.key)
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

func (r *receiver) parse(body []byte) (event, int) {
	var e event
	if !utf8.Valid(body) || !json.Valid(body) || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return e, http.StatusBadRequest
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, http.StatusUnprocessableEntity // a field of a wrong type
	}
	if !uidPattern.MatchString(e.UID) || e.IntegrationID != r.integrationID || e.Event == nil || !knownTypes[e.Event.Type] {
		return e, http.StatusUnprocessableEntity
	}
	return e, http.StatusOK
}

// take does the work once, however often the event is delivered. Keep it short, or hand it to a queue: the provider does not wait.
func (r *receiver) take(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := e.UID + " " + e.Event.Type
	if r.taken[name] {
		log.Print("event known already")
		return
	}
	r.taken[name] = true
	log.Printf("event taken: %s", e.Event.Type)
}

func refuse(w http.ResponseWriter, status int) {
	log.Printf("rejected with %d", status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := io.WriteString(w, `{"error":"refused"}`); err != nil {
		log.Print("answer not sent")
	}
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	r := &receiver{key: []byte(os.Getenv("BEGINI_API_KEY")), integrationID: os.Getenv("BEGINI_INTEGRATION_ID"), taken: map[string]bool{}}
	if len(r.key) < 16 || r.integrationID == "" { // an unset key must stop the program, not become a key
		return errors.New("set BEGINI_API_KEY and BEGINI_INTEGRATION_ID")
	}
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1:8443"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: r, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // it would log what strangers send
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		if err := server.Shutdown(context.Background()); err != nil {
			log.Print(err)
		}
	})
	cert, key := os.Getenv("TLS_CERT_FILE"), os.Getenv("TLS_KEY_FILE")
	fmt.Printf("listening on %s\n", listener.Addr())
	if cert != "" {
		err = server.ServeTLS(listener, cert, key)
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
