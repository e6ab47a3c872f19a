// Controller-runtime is the yardstick of the benchmarks: the smallest useful operator that the
// usual Go framework makes, doing the core of LeasePolicy's work. It keeps one Lease for each
// Deployment, in the Deployment's namespace, named PREFIX-HASH, where HASH is the first ten
// hexadecimal digits of the SHA-256 of the Deployment's name.
//
//	export KUBECONFIG=...
//	controller-runtime -workers 64
//
// It is set up so that the framework shows what it can do: the client's rate limit is off, and
// requests for built-in types are protobuf, which controller-runtime chooses by itself. Everything
// else is as the framework has it. -workers 1 shows the framework's default concurrency.
//
// Flags: -workers (reconciliations at a time), -prefix (of the Leases' names), -kubeconfig (instead
// of KUBECONFIG). It logs to stderr and ends with code 0 on SIGTERM.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const leaseDurationSeconds = 15

func main() {
	workers := flag.Int("workers", 64, "reconciliations at a time (MaxConcurrentReconciles)")
	prefix := flag.String("prefix", "bench", "prefix of the Leases' names")
	flag.Parse()

	ctrl.SetLogger(zap.New())
	if err := run(ctrl.SetupSignalHandler(), *workers, *prefix); err != nil {
		fmt.Fprintln(os.Stderr, "controller-runtime:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, workers int, prefix string) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // no limit

	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme.Scheme,
		Metrics: server.Options{BindAddress: "0"}, // none
	})
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&appsv1.Deployment{}).
		Owns(&coordinationv1.Lease{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{Client: manager.GetClient(), prefix: prefix})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

type reconciler struct {
	client.Client
	prefix string
}

// Reconcile creates the Deployment's Lease when it is absent, and leaves an existing one alone.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var deployment appsv1.Deployment
	if err := r.Get(ctx, request.NamespacedName, &deployment); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}

	key := client.ObjectKey{Namespace: deployment.Namespace, Name: leaseName(r.prefix, deployment.Name)}
	var lease coordinationv1.Lease
	err := r.Get(ctx, key, &lease)
	if !apierrors.IsNotFound(err) {
		return ctrl.Result{}, err
	}

	lease = coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: new(int32(leaseDurationSeconds))},
	}
	if err := ctrl.SetControllerReference(&deployment, &lease, r.Scheme()); err != nil {
		return ctrl.Result{}, err
	}
	// The cache may not show a Lease yet that exists already.
	return ctrl.Result{}, client.IgnoreAlreadyExists(r.Create(ctx, &lease))
}

func leaseName(prefix, deployment string) string {
	sum := sha256.Sum256([]byte(deployment))
	return prefix + "-" + hex.EncodeToString(sum[:5])
}
