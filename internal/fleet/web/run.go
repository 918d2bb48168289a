package web

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// runPage is what is shown of one run.
type runPage struct {
	database.Run
	Team      string
	Decisions []database.Decision
	May       may
	HasReport bool
	HasFacts  bool
	Reviewers []string
	Done      string
}

func (s *server) runPage(q *request) error {
	page := runPage{Run: q.run, Team: q.integration.Team, May: s.may(q), HasReport: q.run.Report != "", HasFacts: q.run.Facts != "", Done: done[q.URL.Query().Get("done")]}
	decisions, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	for _, decision := range decisions {
		if decision.Run == q.run.ID {
			page.Decisions = append(page.Decisions, decision)
		}
	}
	for _, reviewer := range s.reviewers(q) {
		page.Reviewers = append(page.Reviewers, reviewer.Name)
	}
	return s.page(q, http.StatusOK, "run", "Run of "+q.integration.Name, page)
}

// reviewers are those whose signature counts for a run's integration.
func (s *server) reviewers(q *request) (list []Reviewer) {
	for _, reviewer := range s.Reviewers {
		if len(reviewer.Teams) == 0 || slices.Contains(reviewer.Teams, q.integration.Team) {
			list = append(list, reviewer)
		}
	}
	return list
}

// htmlReport is the report of `prelaunch audit -o html`, with its own style.
func (s *server) htmlReport(q *request) error {
	raw, err := s.document(q.Context(), q.run.Report)
	if err != nil {
		return err
	}
	r, err := report.Read(raw)
	if err != nil {
		return &problem{http.StatusNotFound, "The report is of another version of prelaunch and cannot be shown. Its JSON can be downloaded."}
	}
	var page bytes.Buffer
	if err := report.Write(&page, "html", r, report.Options{Now: s.DB.Now()}); err != nil {
		return err
	}
	header := q.w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "+hashOf(styleOf(page.String())))
	header.Set("Content-Type", "text/html; charset=utf-8")
	_, err = page.WriteTo(q.w)
	return err
}

// styleOf is what stands between the first style tags of a page.
func styleOf(page string) string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	return style
}

func (s *server) download(q *request, digest, name string) error {
	raw, err := s.document(q.Context(), digest)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err = q.w.Write(raw)
	return err
}

func (s *server) reportJSON(q *request) error { return s.download(q, q.run.Report, "report.json") }
func (s *server) factsJSON(q *request) error  { return s.download(q, q.run.Facts, "facts.json") }

// bundle is what a reviewer signs, byte for byte as it was stored.
func (s *server) bundle(q *request) error {
	raw, err := s.document(q.Context(), q.run.Report)
	if err != nil {
		return err
	}
	files := map[string][]byte{"report.json": raw}
	if facts, err := s.document(q.Context(), q.run.Facts); err == nil {
		files["facts.json"] = facts
	} else if !errors.Is(err, database.ErrNotFound) {
		return err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, name := range []string{"report.json", "facts.json"} {
		content, is := files[name]
		if !is {
			continue
		}
		file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: q.run.Finished})
		if err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		if _, err := file.Write(content); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	q.w.Header().Set("Content-Type", "application/zip")
	q.w.Header().Set("Content-Disposition", `attachment; filename="bundle.zip"`)
	_, err = packed.WriteTo(q.w)
	return err
}
