package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	subjectAnnotation = "leasepolicy.dev/subject"
	podNameExtra      = "authentication.kubernetes.io/pod-name"
	// As a Deployment's controller would name a Pod.
	podSuffix = "-6c8f7d5b4-x2x4z"
)

type renewResult struct {
	Verb      string  `json:"verb"`
	Leases    int     `json:"leases"`
	Rate      float64 `json:"rate"`
	Renewals  int     `json:"renewals"`
	PerSecond float64 `json:"perSecond"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
}

// heldLease is a Lease with the client of the Pod that holds it.
type heldLease struct {
	lease  *coordinationv1.Lease
	client kubernetes.Interface
}

// renewAsPods renews the Leases of the seeded Deployments and tells how long an update takes.
func (b *bench) renewAsPods(ctx context.Context) (any, error) {
	held, err := b.acquire(ctx)
	if err != nil {
		return nil, err
	}
	workers := min(b.parallel, len(held))
	took := make([][]time.Duration, workers)
	limiter := rate.NewLimiter(rate.Limit(b.rate), 1)
	timed, cancel := context.WithTimeout(ctx, b.duration)
	defer cancel()
	start := time.Now()
	err = b.each(timed, workers, func(worker int) error {
		for i := worker; ; i += workers {
			if i >= len(held) {
				i = worker
			}
			// Wait returns an error at once when its turn would come after the end.
			if limiter.Wait(timed) != nil {
				return nil
			}
			begun := time.Now()
			if err := held[i].write(ctx); err != nil {
				return err
			}
			took[worker] = append(took[worker], time.Since(begun))
		}
	})
	if err = ignoreEnd(timed, err); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()

	all := slices.Concat(took...)
	slices.Sort(all)
	result := &renewResult{
		Verb: "renew", Leases: len(held), Rate: b.rate,
		Renewals: len(all), PerSecond: round(float64(len(all)) / seconds),
		P50Ms: percentile(all, 50), P99Ms: percentile(all, 99),
	}
	if result.PerSecond < b.rate*0.95 {
		return result, fmt.Errorf("%.0f renewals per second rather than %.0f: the API server can't keep up", result.PerSecond, b.rate)
	}
	return result, nil
}

// acquire takes every Lease that an operator made for a seeded Deployment.
func (b *bench) acquire(ctx context.Context) ([]*heldLease, error) {
	namespaces, err := b.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: labelSelector})
	if err != nil {
		return nil, err
	}
	var found []*heldLease
	for _, namespace := range namespaces.Items {
		list, err := b.client.CoordinationV1().Leases(namespace.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, lease := range list.Items {
			workload, ok := strings.CutPrefix(lease.Annotations[subjectAnnotation], "Deployment/")
			if !ok {
				continue
			}
			pod := workload + podSuffix
			client, err := b.clientOf(namespace.Name, pod)
			if err != nil {
				return nil, err
			}
			lease.Spec.HolderIdentity = new(pod + "_bench")
			found = append(found, &heldLease{&lease, client})
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no operator has made a Lease for a Deployment: seed, and run one first")
	}
	// One after the other: a burst of first connections would be measured otherwise.
	for _, held := range found {
		if err := held.write(ctx); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// clientOf impersonates a Pod, as a token that is bound to it would.
func (b *bench) clientOf(namespace, pod string) (kubernetes.Interface, error) {
	config := rest.CopyConfig(b.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":default",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		Extra:    map[string][]string{podNameExtra: {pod}},
	}
	return kubernetes.NewForConfig(config)
}

func (h *heldLease) write(ctx context.Context) error {
	h.lease.Spec.RenewTime = new(metav1.NowMicro())
	lease, err := h.client.CoordinationV1().Leases(h.lease.Namespace).Update(ctx, h.lease, metav1.UpdateOptions{})
	if err == nil {
		h.lease = lease
	}
	return err
}

// percentile of sorted durations, in milliseconds.
func percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return round(float64(sorted[(len(sorted)-1)*percent/100].Microseconds()) / 1000)
}
