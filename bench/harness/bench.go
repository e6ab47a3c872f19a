package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	labelKey       = "bench"
	labelValue     = "true"
	labelSelector  = labelKey + "=" + labelValue
	leaseSeconds   = 40 // as kubelets have it
	pollInterval   = 50 * time.Millisecond
	pollsPerSample = 20
	requestTimeout = 30 * time.Second
)

var (
	leases      = coordinationv1.SchemeGroupVersion.WithResource("leases")
	nodes       = corev1.SchemeGroupVersion.WithResource("nodes")
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
	registries  = schema.GroupVersionResource{Group: "leasepolicy.dev", Version: "v1alpha1", Resource: "leaseregistries"}
)

// bench is one call of the harness against one control plane.
type bench struct {
	options
	config   *rest.Config
	client   kubernetes.Interface
	metadata metadata.Interface
}

func newBench(o options) (*bench, error) {
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		// No default: a harness that creates and deletes thousands of objects must not guess where.
		return nil, errors.New("set KUBECONFIG to a control plane to measure on")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // no limit
	config.Timeout = requestTimeout
	config.UserAgent = "leasepolicy-bench"

	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &bench{options: o, config: config, client: client, metadata: meta}, nil
}

type createResult struct {
	Verb       string  `json:"verb"`
	N          int     `json:"n"`
	Namespaces int     `json:"namespaces"`
	Created    int     `json:"created"`
	Existing   int     `json:"existing"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"perSecond"`
}

// raw creates n Leases.
func (b *bench) raw(ctx context.Context) (any, error) {
	result, err := b.create(ctx, "raw", func(i int) error {
		_, err := b.client.CoordinationV1().Leases(namespaceName(i%b.namespaces)).Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("raw-%06d", i)},
			Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: new(int32(leaseSeconds))},
		}, metav1.CreateOptions{})
		return err
	})
	if err == nil && result.Existing > 0 {
		err = fmt.Errorf("%d Leases existed already, so the rate is not valid: wipe first", result.Existing)
	}
	return result, err
}

// seed creates n Deployments, unless they exist.
func (b *bench) seed(ctx context.Context) (any, error) {
	return b.create(ctx, "seed", func(i int) error {
		name := fmt.Sprintf("app-%06d", i)
		labels := map[string]string{"app": name}
		_, err := b.client.AppsV1().Deployments(namespaceName(i%b.namespaces)).Create(ctx, &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(0)),
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/app"}}},
				},
			},
		}, metav1.CreateOptions{})
		return err
	})
}

// create makes the namespaces and then calls f n times, and tells how fast that was.
func (b *bench) create(ctx context.Context, verb string, f func(i int) error) (*createResult, error) {
	result := &createResult{Verb: verb, N: b.n, Namespaces: b.namespaces}
	err := b.each(ctx, b.namespaces, func(i int) error { return b.ensureNamespace(ctx, namespaceName(i)) })
	if err != nil {
		return result, err
	}
	var created, existing atomic.Int64
	start := time.Now()
	err = b.each(ctx, b.n, func(i int) error {
		err := f(i)
		switch {
		case err == nil:
			created.Add(1)
		case apierrors.IsAlreadyExists(err):
			existing.Add(1)
			err = nil
		}
		return err
	})
	seconds := time.Since(start).Seconds()
	result.Created, result.Existing = int(created.Load()), int(existing.Load())
	result.Seconds, result.PerSecond = round(seconds), round(float64(result.Created)/seconds)
	return result, err
}

type runResult struct {
	Verb              string  `json:"verb"`
	Command           string  `json:"command"`
	N                 int     `json:"n"`
	Converged         bool    `json:"converged"`
	Leases            int     `json:"leases"`
	Seconds           float64 `json:"seconds"`
	PerSecond         float64 `json:"perSecond"`
	CPUSeconds        float64 `json:"cpuSeconds"`
	Settled           bool    `json:"settled"`
	SettledSeconds    float64 `json:"settledSeconds"`
	SettledCPUSeconds float64 `json:"settledCpuSeconds"`
	RSSMiB            float64 `json:"rssMiB"`
	PeakRSSMiB        float64 `json:"peakRssMiB"`
	ExitCode          int     `json:"exitCode"`
}

// run starts the command and measures it until n more Leases exist and it is at rest.
func (b *bench) run(ctx context.Context) (any, error) {
	before, err := b.countLeases(ctx)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, b.command, b.log)
	if err != nil {
		return nil, err
	}
	defer p.stop()

	result := &runResult{Verb: "run", Command: b.commandLine(), N: b.n}
	for poll := 0; ; poll++ {
		count, err := b.countLeases(ctx)
		if err != nil {
			return result, err
		}
		elapsed := time.Since(p.started).Seconds()
		result.Leases = count - before
		result.Seconds = round(elapsed)
		result.PerSecond = round(float64(result.Leases) / elapsed)
		result.Converged = result.Leases >= b.n
		// Sampling takes some milliseconds, so it is not done with every poll.
		if result.Converged || poll%pollsPerSample == 0 {
			used, err := p.usage()
			if err != nil {
				return result, err
			}
			result.CPUSeconds = round(used.cpu.Seconds())
			result.RSSMiB, result.PeakRSSMiB = mebibytes(used.rss), mebibytes(used.peakRSS)
		}
		if result.Converged {
			break
		}
		if err := p.sleep(ctx, pollInterval); err != nil {
			return result, fmt.Errorf("%d of %d Leases: %w", result.Leases, b.n, err)
		}
	}

	used, settled, err := p.settle(ctx, b.settle)
	if err != nil {
		return result, err
	}
	result.Settled = settled
	result.SettledSeconds = round(time.Since(p.started).Seconds())
	result.SettledCPUSeconds = round(used.cpu.Seconds())
	result.RSSMiB, result.PeakRSSMiB = mebibytes(used.rss), mebibytes(used.peakRSS)

	count, err := b.countLeases(ctx)
	if err != nil {
		return result, err
	}
	result.Leases = count - before
	result.ExitCode = p.stop()
	if result.Leases != b.n {
		return result, fmt.Errorf("%d more Leases rather than %d", result.Leases, b.n)
	}
	return result, nil
}

type beatResult struct {
	Verb                string  `json:"verb"`
	Command             string  `json:"command"`
	N                   int     `json:"n"`
	Rate                float64 `json:"rate"`
	Renewals            int     `json:"renewals"`
	Seconds             float64 `json:"seconds"`
	PerSecond           float64 `json:"perSecond"`
	Settled             bool    `json:"settled"`
	CPUSeconds          float64 `json:"cpuSeconds"`
	CPUPercent          float64 `json:"cpuPercent"`
	CPUMicrosPerRenewal float64 `json:"cpuMicrosPerRenewal"`
	RSSMiB              float64 `json:"rssMiB"`
	PeakRSSMiB          float64 `json:"peakRssMiB"`
	ExitCode            int     `json:"exitCode"`
}

// beat measures the command while node Leases are renewed.
func (b *bench) beat(ctx context.Context) (any, error) {
	nodeLeases, err := b.ensureNodeLeases(ctx)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, b.command, b.log)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	_, settled, err := p.settle(ctx, b.settle)
	if err != nil {
		return nil, err
	}

	before, err := p.usage()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	renewals, err := b.renew(ctx, p, nodeLeases)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("after %.0f s of %s: %w", seconds, b.duration, ctx.Err())
	}
	after, err := p.usage()
	if err != nil {
		return nil, err
	}

	cpu := (after.cpu - before.cpu).Seconds()
	result := &beatResult{
		Verb: "beat", Command: b.commandLine(), N: b.n, Rate: b.rate,
		Renewals: renewals, Seconds: round(seconds), PerSecond: round(float64(renewals) / seconds), Settled: settled,
		CPUSeconds: round(cpu), CPUPercent: round(cpu / seconds * 100),
		RSSMiB: mebibytes(after.rss), PeakRSSMiB: mebibytes(after.peakRSS),
	}
	if renewals > 0 {
		result.CPUMicrosPerRenewal = round(cpu / float64(renewals) * 1e6)
	}
	result.ExitCode = p.stop()
	if result.PerSecond < b.rate*0.95 {
		return result, fmt.Errorf("%.0f renewals per second rather than %.0f: the API server can't keep up", result.PerSecond, b.rate)
	}
	return result, nil
}

// ensureNodeLeases makes n nodes with their Leases as kubelets do, or finds those of an earlier call.
func (b *bench) ensureNodeLeases(ctx context.Context) ([]*coordinationv1.Lease, error) {
	if err := b.ensureNamespace(ctx, corev1.NamespaceNodeLease); err != nil {
		return nil, err
	}
	client := b.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	result := make([]*coordinationv1.Lease, b.n)
	err := b.each(ctx, b.n, func(i int) error {
		name := fmt.Sprintf("bench-node-%05d", i)
		node, err := b.ensureNode(ctx, name)
		if err != nil {
			return err
		}
		lease, err := client.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name:            name,
				Labels:          map[string]string{labelKey: labelValue},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID}},
			},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity:       &name,
				LeaseDurationSeconds: new(int32(leaseSeconds)),
				RenewTime:            new(metav1.NowMicro()),
			},
		}, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			lease, err = client.Get(ctx, name, metav1.GetOptions{})
		}
		result[i] = lease
		return err
	})
	return result, err
}

// ensureNode makes a node with the labels that every kubelet gives it.
func (b *bench) ensureNode(ctx context.Context, name string) (*corev1.Node, error) {
	node, err := b.client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			labelKey:                        labelValue,
			corev1.LabelHostname:            name,
			corev1.LabelArchStable:          "amd64",
			corev1.LabelOSStable:            "linux",
			corev1.LabelInstanceTypeStable:  "m5.large",
			corev1.LabelTopologyRegion:      "eu-central-1",
			corev1.LabelTopologyZone:        "eu-central-1a",
			"node.kubernetes.io/node-group": "workers",
		}},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return b.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	}
	return node, err
}

// renew updates the Leases in turn at the asked rate, for the asked time, and returns how often.
// Each worker has Leases of its own, so no two updates of one Lease are under way at once.
func (b *bench) renew(ctx context.Context, p *process, nodeLeases []*coordinationv1.Lease) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.duration)
	defer cancel()
	if b.rate == 0 {
		return 0, ignoreEnd(ctx, p.sleep(ctx, b.duration))
	}
	limiter := rate.NewLimiter(rate.Limit(b.rate), 1)
	client := b.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	var renewals atomic.Int64
	workers := min(b.parallel, len(nodeLeases))
	err := b.each(ctx, workers, func(worker int) error {
		for i := worker; ; i += workers {
			if i >= len(nodeLeases) {
				i = worker
			}
			// Wait returns an error at once when its turn would come after the end.
			if limiter.Wait(ctx) != nil {
				return nil
			}
			if p.exited() {
				return p.exitError()
			}
			nodeLeases[i].Spec.RenewTime = new(metav1.NowMicro())
			lease, err := client.Update(ctx, nodeLeases[i], metav1.UpdateOptions{})
			if err != nil {
				return err
			}
			nodeLeases[i] = lease
			renewals.Add(1)
		}
	})
	return int(renewals.Load()), ignoreEnd(ctx, err)
}

// ignoreEnd drops an error that is only the end of the measuring time.
func ignoreEnd(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return err
}

type wipeResult struct {
	Verb            string  `json:"verb"`
	Namespaces      int     `json:"namespaces"`
	Leases          int     `json:"leases"`
	NodeLeases      int     `json:"nodeLeases"`
	LeaseRegistries int     `json:"leaseRegistries"`
	Deployments     int     `json:"deployments"`
	Left            int     `json:"left"`
	Seconds         float64 `json:"seconds"`
}

// wipe deletes what the harness and the measured operators made. The sources go before the Leases.
func (b *bench) wipe(ctx context.Context) (any, error) {
	start := time.Now()
	list, err := b.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: labelSelector})
	if err != nil {
		return nil, err
	}
	result := &wipeResult{Verb: "wipe", Namespaces: len(list.Items)}

	type step struct {
		resource schema.GroupVersionResource
		deleted  *int
	}
	steps := []step{{leases, &result.Leases}}
	served, err := b.serves(registries)
	if err != nil {
		return nil, err
	}
	if served {
		steps = append([]step{{registries, &result.LeaseRegistries}}, steps...)
	}
	if b.all {
		steps = append([]step{{deployments, &result.Deployments}}, steps...)
	}
	var mu sync.Mutex
	for _, s := range steps {
		err := b.each(ctx, len(list.Items), func(i int) error {
			deleted, left, err := b.deleteAll(ctx, s.resource, list.Items[i].Name, "")
			mu.Lock()
			defer mu.Unlock()
			*s.deleted += deleted
			result.Left += left
			return err
		})
		if err != nil {
			return result, err
		}
	}
	deleted, left, err := b.deleteAll(ctx, leases, corev1.NamespaceNodeLease, labelSelector)
	result.NodeLeases = deleted
	result.Left += left
	if err == nil {
		_, left, err = b.deleteAll(ctx, nodes, "", labelSelector)
		result.Left += left
	}
	result.Seconds = round(time.Since(start).Seconds())
	if err == nil && result.Left > 0 {
		err = fmt.Errorf("%d objects are left: is an operator running, or does a finalizer keep them?", result.Left)
	}
	return result, err
}

// deleteAll deletes the objects of a kind in a namespace, and returns how many are gone and how many are left.
func (b *bench) deleteAll(ctx context.Context, resource schema.GroupVersionResource, namespace, selector string) (deleted, left int, err error) {
	client := b.metadata.Resource(resource).Namespace(namespace)
	options := metav1.ListOptions{LabelSelector: selector}
	before, err := client.List(ctx, options)
	if err != nil || len(before.Items) == 0 {
		return 0, 0, err
	}
	if err := client.DeleteCollection(ctx, metav1.DeleteOptions{}, options); err != nil {
		return 0, 0, err
	}
	after, err := client.List(ctx, options)
	if err != nil {
		return 0, 0, err
	}
	return len(before.Items) - len(after.Items), len(after.Items), nil
}

// serves tells whether the API server knows the resource.
func (b *bench) serves(resource schema.GroupVersionResource) (bool, error) {
	list, err := b.client.Discovery().ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, r := range list.APIResources {
		if r.Name == resource.Resource {
			return true, nil
		}
	}
	return false, nil
}

// countLeases counts all Leases of the cluster without reading them.
func (b *bench) countLeases(ctx context.Context) (int, error) {
	list, err := b.metadata.Resource(leases).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	count := len(list.Items)
	if list.RemainingItemCount != nil {
		count += int(*list.RemainingItemCount)
	}
	return count, nil
}

func (b *bench) ensureNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if name != corev1.NamespaceNodeLease {
		namespace.Labels = map[string]string{labelKey: labelValue}
	}
	_, err := b.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// each calls f with 0 to n-1, -parallel calls at a time, and stops at the first error.
func (b *bench) each(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(b.parallel, n) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func namespaceName(i int) string { return fmt.Sprintf("team-%03d", i) }
