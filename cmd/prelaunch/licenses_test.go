package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// licenses are the kinds under which a module may be linked, none of which asks for the source of the
// programs, each by words of its text.
var licenses = map[string]string{
	"Apache-2.0": "apache license version 2.0",
	"BSD":        "redistribution and use in source and binary forms, with or without modification, are permitted",
	"ISC":        "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted",
	"MIT":        "permission is hereby granted, free of charge, to any person obtaining a copy",
	"MPL-2.0":    "mozilla public license version 2.0",
	"Unlicense":  "this is free and unencumbered software released into the public domain",
}

// TestLicenses: each module that a program links, on any platform of a release, has a license of a known
// kind. A release lists them (.github/release/extras).
func TestLicenses(t *testing.T) {
	t.Parallel()
	linked := map[string]string{} // directory by module
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", "../...")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
			var listed struct {
				Module struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if m := listed.Module; m.Path != "" && !m.Main {
				linked[m.Path] = m.Dir
			}
		}
	}
	if len(linked) < 30 {
		t.Errorf("only %d modules are linked", len(linked))
	}
	for module, dir := range linked {
		if kind := licenseIn(t, dir); kind == "" {
			t.Errorf("%s has no license that is known: add its kind, if the programs may link it", module)
		}
	}
}

// licenseIn is the kind of license in a module's directory, empty where none is known.
func licenseIn(t *testing.T, dir string) string {
	t.Helper()
	named := regexp.MustCompile(`(?i)licen[sc]e|^copying`)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.IsDir() || !named.MatchString(file.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Join(strings.Fields(strings.NewReplacer(">", " ", ",", ", ").Replace(strings.ToLower(string(text)))), " ")
		for kind, words := range licenses {
			if strings.Contains(plain, words) {
				return kind
			}
		}
	}
	return ""
}

func TestLicenseOfNoKnownKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("GNU AFFERO GENERAL PUBLIC LICENSE Version 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kind := licenseIn(t, dir); kind != "" {
		t.Errorf("taken for %s", kind)
	}
}
