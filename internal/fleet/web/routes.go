package web

import (
	"net/http"
	"reflect"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
)

const apiPrefix = "/api/v1/"

// operation describes a route of the API, for its document.
type operation struct {
	summary  string
	query    []string     // names of parameters; what each means is in parameters
	body     reflect.Type // of a JSON body; nil: none
	responds reflect.Type // nil: a file, or nothing
	media    string       // of what it responds with; "": JSON
	status   int
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

var filters = []string{"status", "team", "provider", "check", "search", "after", "limit"}

// routes are all that the server does, next to what login.Guard does.
func (s *server) routes() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	viewer, operator, reviewer := login.Viewer, login.Operator, login.Reviewer
	return []route{
		{get, "/healthz", nothing, "", (*server).health, nil},
		{get, "/readyz", nothing, "", (*server).readiness, nil},
		{get, "/metrics", fleet, viewer, (*server).metrics, nil},

		{get, "/{$}", reader, viewer, (*server).fleetPage, nil},
		{get, "/integrations.csv", reader, viewer, (*server).csvList, nil},
		{get, "/integrations/{name}", integration, viewer, (*server).integrationPage, nil},
		{post, "/integrations/{name}/runs", integration, operator, (*server).postRun, nil},
		{post, "/integrations/{name}/pause", integration, operator, (*server).postPause, nil},
		{post, "/integrations/{name}/resume", integration, operator, (*server).postResume, nil},
		{get, "/runs/{run}", run, viewer, (*server).runPage, nil},
		{get, "/runs/{run}/report", run, viewer, (*server).htmlReport, nil},
		{get, "/runs/{run}/bundle.zip", run, viewer, (*server).bundle, nil},
		{post, "/runs/{run}/decisions", run, reviewer, (*server).postDecision, nil},
		{get, "/runs/{run}/decisions/{decision}", run, viewer, (*server).decisionStatement, nil},
		{post, "/runs/{run}/purged", run, operator, (*server).postPurged, nil},
		{get, "/queue", fleet, operator, (*server).queuePage, nil},
		{get, "/log", fleet, reviewer, (*server).logPage, nil},
		{get, "/tokens", reader, viewer, (*server).tokenPage, nil},
		{post, "/tokens", reader, viewer, (*server).postToken, nil},
		{post, "/tokens/revoke", reader, viewer, (*server).postRevoke, nil},

		{get, apiPrefix + "openapi.json", reader, viewer, (*server).openAPI, &operation{summary: "This document", media: "application/json"}},
		{get, apiPrefix + "integrations", reader, viewer, (*server).apiList, &operation{summary: "Integrations, by name", query: filters, responds: typeOf[integrationList]()}},
		{get, apiPrefix + "integrations/{name}", integration, viewer, (*server).apiIntegration, &operation{summary: "One integration", responds: typeOf[integrationJSON]()}},
		{get, apiPrefix + "integrations/{name}/runs", integration, viewer, (*server).apiRuns, &operation{summary: "Its newest runs, the newest first", responds: typeOf[[]runJSON]()}},
		{get, apiPrefix + "integrations/{name}/findings", integration, viewer, (*server).apiFindings, &operation{summary: "Its open and waived findings, the most severe first", responds: typeOf[[]findingJSON]()}},
		{get, apiPrefix + "integrations/{name}/events", integration, viewer, (*server).apiEvents, &operation{summary: "What happened to it, the newest first", responds: typeOf[[]eventJSON]()}},
		{get, apiPrefix + "integrations/{name}/decisions", integration, viewer, (*server).apiDecisions, &operation{summary: "Decisions about its reports, the newest first", responds: typeOf[[]decisionJSON]()}},
		{get, apiPrefix + "integrations/{name}/sent", integration, viewer, (*server).apiSent, &operation{summary: "Synthetic events that are still to be purged", responds: typeOf[[]sentJSON]()}},
		{post, apiPrefix + "integrations/{name}/runs", integration, operator, (*server).apiRun, &operation{summary: "Ask for an audit, such as after a deployment", status: http.StatusAccepted}},
		{post, apiPrefix + "integrations/{name}/pause", integration, operator, (*server).apiPause, &operation{summary: "Pause the schedule", status: http.StatusNoContent}},
		{post, apiPrefix + "integrations/{name}/resume", integration, operator, (*server).apiResume, &operation{summary: "Resume the schedule", status: http.StatusNoContent}},
		{get, apiPrefix + "runs/{run}", run, viewer, (*server).apiOneRun, &operation{summary: "One run", responds: typeOf[runJSON]()}},
		{get, apiPrefix + "runs/{run}/report", run, viewer, (*server).reportJSON, &operation{summary: "The report of a run (prelaunch.report/v1)", media: "application/json"}},
		{get, apiPrefix + "runs/{run}/facts", run, viewer, (*server).factsJSON, &operation{summary: "The facts of a run, for prelaunch judge", media: "application/json"}},
		{post, apiPrefix + "runs/{run}/decisions", run, reviewer, (*server).apiDecide, &operation{summary: "Hand in what prelaunch sign wrote", body: typeOf[map[string]any](), status: http.StatusCreated}},
		{post, apiPrefix + "runs/{run}/purged", run, operator, (*server).apiPurged, &operation{summary: "Note that the synthetic events of a run were purged", status: http.StatusNoContent}},
		{post, apiPrefix + "reload", fleet, operator, (*server).apiReload, &operation{summary: "Have the configurations read now, such as after a push", status: http.StatusAccepted}},
		{post, apiPrefix + "pushes/{push}", nothing, "", (*server).apiPush, &operation{summary: "Have the configurations read now, signed by a forge as its webhooks are", body: typeOf[map[string]any](), status: http.StatusAccepted}},
		{get, apiPrefix + "queue", fleet, operator, (*server).apiQueue, &operation{summary: "Health of the queue", responds: typeOf[queueJSON]()}},
		{get, apiPrefix + "log", fleet, reviewer, (*server).apiLog, &operation{summary: "The audit log, the newest entries first", query: []string{"before"}, responds: typeOf[[]logJSON]()}},
		{get, apiPrefix + "tokens", reader, viewer, (*server).apiTokens, &operation{summary: "API tokens that the caller could have made", responds: typeOf[[]token]()}},
		{post, apiPrefix + "tokens", reader, viewer, (*server).apiAddToken, &operation{summary: "Make an API token; its text is in no later response", body: typeOf[newToken](), responds: typeOf[madeToken](), status: http.StatusCreated}},
		{del, apiPrefix + "tokens/{token}", reader, viewer, (*server).apiDropToken, &operation{summary: "Revoke an API token", status: http.StatusNoContent}},
	}
}

// parameters say what each parameter means.
var parameters = map[string]string{
	"name": "Name of the integration", "run": "Id of the run", "token": "Name of the token", "push": "Name of the push in the settings",
	"status": "ready, not_ready, not_proven, expired, unknown, or any_not_ready", "team": "Name of a team", "provider": "Name of a provider's profile",
	"check": "Id of a check with an open finding", "search": "Part of a name", "after": "The next page begins after this name", "limit": "From 1 to 500; default 50",
	"before": "Entries before this id",
}

// statuses are what an integration can be filtered by.
var statuses = append([]string{notReady}, database.Statuses...)
