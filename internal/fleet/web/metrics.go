package web

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// Metrics are read from the database when they are asked for, so every server shows the same. There is a series for each integration
// and severity, but none for each check: 5,000 integrations with 50 checks would make a quarter of a million.

const metricsTimeout = 10 * time.Second

// Metric is a gauge of the fleet.
type Metric struct {
	Name, Help string
	Labels     []string

	desc *prometheus.Desc
}

// Metrics are all of them.
var Metrics []Metric

func described(name, help string, labels ...string) *prometheus.Desc {
	one := Metric{Name: "prelaunch_" + name, Help: help, Labels: labels}
	one.desc = prometheus.NewDesc(one.Name, help, labels, nil)
	Metrics = append(Metrics, one)
	return one.desc
}

var (
	readyMetric     = described("ready", "1 for an integration that is ready, 0 for one that is not.", "integration", "team")
	findingsMetric  = described("findings", "Open findings.", "integration", "severity")
	lastRunMetric   = described("last_run_timestamp_seconds", "When the newest audit came to its end.", "integration")
	validMetric     = described("valid_until_timestamp_seconds", "When the newest report expires.", "integration")
	failuresMetric  = described("audit_failures", "Audits in a row that could not be made.", "integration")
	statusMetric    = described("integrations", "Integrations by status.", "status")
	dueMetric       = described("due", "Integrations that are due to be audited.")
	oldestMetric    = described("oldest_due_timestamp_seconds", "When the integration that waits longest became due.")
	runningMetric   = described("runs_running", "Audits that are under way.")
	queueMetric     = described("queue_depth", "Jobs of the queue.", "kind", "state")
	leasesMetric    = described("leases", "Receivers that an audit keeps others away from.")
	workersMetric   = described("workers", "Processes of the fleet.", "role")
	noticesMetric   = described("notices", "Notices that were not sent.", "channel", "state")
	sourcesMetric   = described("source_problems", "Configurations, or whole sources, that stand for no integration.")
	collectedMetric = described("collected", "1 where all of these could be read from the database.")
)

// collector reads the metrics of the fleet.
type collector struct {
	s   *server
	ctx context.Context
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, one := range Metrics {
		out <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	err := c.collect(gauge)
	if err != nil {
		c.s.Log.ErrorContext(c.ctx, "metrics could not be read", "error", err)
	}
	gauge(collectedMetric, number(err == nil))
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (c collector) collect(gauge func(*prometheus.Desc, float64, ...string)) error {
	db, ctx := c.s.DB, c.ctx
	at := func(desc *prometheus.Desc, t time.Time, labels ...string) {
		if !t.IsZero() {
			gauge(desc, float64(t.UnixMilli())/1000, labels...)
		}
	}
	list, err := db.List(ctx, database.Filter{})
	if err != nil {
		return err
	}
	for _, i := range list {
		gauge(readyMetric, number(i.Status == database.Ready && i.Problem == ""), i.Name, i.Team)
		at(lastRunMetric, i.LastFinished, i.Name)
		at(validMetric, i.ValidUntil, i.Name)
		gauge(failuresMetric, float64(i.Failures), i.Name)
	}
	severities, err := db.OpenSeverities(ctx)
	if err != nil {
		return err
	}
	for _, count := range severities {
		gauge(findingsMetric, float64(count.Findings), count.Integration, count.Severity)
	}
	overview, err := db.Overview(ctx, nil)
	if err != nil {
		return err
	}
	for _, status := range statuses[1:] {
		gauge(statusMetric, float64(overview.ByStatus[status]), status)
	}
	gauge(dueMetric, float64(overview.Due))
	at(oldestMetric, overview.OldestDue)
	running, err := db.RunningRuns(ctx)
	if err != nil {
		return err
	}
	gauge(runningMetric, float64(len(running)))
	queues, err := db.Queues(ctx)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		gauge(queueMetric, float64(queue.Jobs), queue.Kind, queue.State)
	}
	leases, err := db.Leases(ctx)
	if err != nil {
		return err
	}
	gauge(leasesMetric, float64(len(leases)))
	workers, err := db.Workers(ctx)
	if err != nil {
		return err
	}
	roles := map[string]int{}
	for _, worker := range workers {
		roles[worker.Role]++
	}
	for role, n := range roles {
		gauge(workersMetric, float64(n), role)
	}
	outboxes, err := db.Outboxes(ctx)
	if err != nil {
		return err
	}
	for _, box := range outboxes {
		gauge(noticesMetric, float64(box.Waiting), box.Channel, "waiting")
		gauge(noticesMetric, float64(box.GivenUp), box.Channel, "given_up")
	}
	problems, err := db.SourceProblems(ctx)
	if err != nil {
		return err
	}
	gauge(sourcesMetric, float64(len(problems)))
	return nil
}

// metrics responds in Prometheus's format.
func (s *server) metrics(q *request) error {
	ctx, cancel := context.WithTimeout(q.Context(), metricsTimeout)
	defer cancel()
	registry := prometheus.NewRegistry()
	for _, one := range []prometheus.Collector{collector{s, ctx}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(one); err != nil {
			return err
		}
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(q.w, q.Request)
	return nil
}
