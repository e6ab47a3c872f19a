// Candidate takes part in a leader election with client-go, as a real operator does, and tells
// what happens to it. It serves demonstrations and tests that need true holders of a Lease.
//
//	export KUBECONFIG=...
//	candidate -namespace default -lease example
//
// It finds the API server like kubectl does: by KUBECONFIG, or by the service account of its Pod.
// When the Lease is absent, it creates it.
//
// Every event is one line of JSON on stdout; client-go's own log goes to stderr.
//
//	{"time":"2026-01-02T03:04:05.000001Z","event":"started","identity":"a"}
//	{"time":"2026-01-02T03:04:05.012345Z","event":"leading","identity":"a","transitions":1}
//	{"time":"2026-01-02T03:04:05.012399Z","event":"observed","identity":"a","holder":"a"}
//	{"time":"2026-01-02T03:04:09.543210Z","event":"stopped","identity":"a"}
//
// The events are
//
//   - started: the candidate begins to contend, once per process.
//   - observed: another holder was seen in the Lease; "" means that nobody holds it.
//   - leading: this candidate became the leader; transitions is spec.leaseTransitions as it wrote it.
//   - lost: it led, and could not renew within the renew deadline.
//   - stopped: it ends because of SIGTERM or SIGINT; a held Lease is released by then, unless
//     -release-on-cancel=false.
//
// client-go reports in the background, so "observed" may come before or after a "leading" of the
// same moment.
//
// With -microtime it takes no part in anything, and translates between the API's MicroTime and
// microseconds since 1970, a line of stdin each.
//
// Exit codes: 0 after SIGTERM or SIGINT, 1 after "lost" (with -recontend it contends again
// instead), 2 for unusable flags or an unusable configuration.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

type options struct {
	namespace       string
	lease           string
	identity        string
	leaseDuration   time.Duration
	renewDeadline   time.Duration
	retryPeriod     time.Duration
	releaseOnCancel bool
	recontend       bool
}

func main() {
	var o options
	flag.StringVar(&o.namespace, "namespace", "default", "namespace of the Lease")
	flag.StringVar(&o.lease, "lease", "", "name of the Lease (required)")
	flag.StringVar(&o.identity, "identity", "", "holder identity (default HOSTNAME_UUID)")
	flag.DurationVar(&o.leaseDuration, "lease-duration", 15*time.Second, "how long other candidates wait after the last renewal; whole seconds")
	flag.DurationVar(&o.renewDeadline, "renew-deadline", 10*time.Second, "how long the leader tries to renew before it gives up")
	flag.DurationVar(&o.retryPeriod, "retry-period", 2*time.Second, "wait between two tries")
	flag.BoolVar(&o.releaseOnCancel, "release-on-cancel", true, "release the Lease on SIGTERM and SIGINT")
	flag.BoolVar(&o.recontend, "recontend", false, "contend again after losing the Lease, rather than exit")
	microtime := flag.Bool("microtime", false, "translate times from stdin, and exit")
	flag.Parse()
	if *microtime {
		if err := translate(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "candidate:", err)
			os.Exit(2)
		}
		return
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	lost, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "candidate:", err)
		os.Exit(2)
	}
	if lost {
		os.Exit(1)
	}
}

// run contends for the Lease until ctx is done (lost is false) or the Lease was lost (lost is true).
func run(ctx context.Context, o options) (lost bool, err error) {
	if flag.NArg() > 0 {
		return false, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if o.lease == "" {
		return false, errors.New("-lease is required")
	}
	if o.leaseDuration < time.Second || o.leaseDuration%time.Second != 0 {
		// client-go would cut off the fraction when it writes spec.leaseDurationSeconds.
		return false, errors.New("-lease-duration must be a positive number of whole seconds")
	}
	if o.identity == "" {
		hostname, err := os.Hostname()
		if err != nil {
			return false, err
		}
		o.identity = hostname + "_" + string(uuid.NewUUID())
	}

	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return false, err
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, o.namespace, o.lease,
		resourcelock.ResourceLockConfig{Identity: o.identity}, config, o.renewDeadline)
	if err != nil {
		return false, err
	}

	events := &reporter{identity: o.identity, out: json.NewEncoder(os.Stdout)}
	recorder := &recordingLock{Interface: lock}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:            o.lease,
		Lock:            recorder,
		LeaseDuration:   o.leaseDuration,
		RenewDeadline:   o.renewDeadline,
		RetryPeriod:     o.retryPeriod,
		ReleaseOnCancel: o.releaseOnCancel,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {
				events.report(event{Event: "leading", Transitions: new(recorder.transitions())})
			},
			OnStoppedLeading: func() {}, // also called when it never led: see the loop below
			OnNewLeader: func(holder string) {
				events.report(event{Event: "observed", Holder: &holder})
			},
		},
	})
	if err != nil {
		return false, err
	}

	events.report(event{Event: "started"})
	for {
		elector.Run(ctx) // returns when ctx is done, or when the Lease was lost
		if ctx.Err() != nil {
			events.report(event{Event: "stopped"})
			return false, nil
		}
		events.report(event{Event: "lost"})
		if !o.recontend {
			return true, nil
		}
	}
}

// event is one line of output.
type event struct {
	Time        string  `json:"time"`
	Event       string  `json:"event"`
	Identity    string  `json:"identity"`
	Holder      *string `json:"holder,omitempty"`
	Transitions *int    `json:"transitions,omitempty"`
}

// reporter writes events from several goroutines, one at a time and unbuffered.
type reporter struct {
	mu       sync.Mutex
	identity string
	out      *json.Encoder
}

func (r *reporter) report(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	e.Identity = r.identity
	if err := r.out.Encode(e); err != nil {
		fmt.Fprintln(os.Stderr, "candidate:", err)
	}
}

// recordingLock remembers the record that was last written, since the elector doesn't show it.
type recordingLock struct {
	resourcelock.Interface
	mu   sync.Mutex
	last resourcelock.LeaderElectionRecord
}

func (l *recordingLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Create(ctx, record)
	l.remember(record, err)
	return err
}

func (l *recordingLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Update(ctx, record)
	l.remember(record, err)
	return err
}

func (l *recordingLock) remember(record resourcelock.LeaderElectionRecord, err error) {
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = record
}

func (l *recordingLock) transitions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.LeaderTransitions
}
