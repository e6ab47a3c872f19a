# Gives a cluster the history of docs/cli.md: an operator has run, and while it is away some things have changed.
set -euo pipefail

kubectl apply -k crds
kubectl create namespace leasepolicy-system
kubectl create namespace shop
kubectl label namespace shop team=payments
for name in api web mailer; do kubectl create deployment $name --image=busybox -n shop; done
kubectl apply -f config/samples/payments.yaml
echo '{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: my-lock, namespace: shop}}' | kubectl create -f -

leasepolicy run &
operator=$!
kubectl wait leasepolicy payments --for=condition=Ready --timeout=60s
kubectl delete deployment web -n shop
# The name of Deployment web: from here on its time counts.
until kubectl get lease payments-4b5e57f6eb -n shop -o yaml | grep -q leasepolicy.dev/orphaned-since; do sleep 0.2; done
until kubectl get leasepolicy payments -o yaml | grep -q OrphanedLease; do sleep 0.2; done
kubectl wait pod -l app=api -n shop --for=condition=Ready --timeout=60s
kill $operator
wait $operator || true

kubectl delete deployment mailer -n shop
kubectl create deployment reports --image=busybox -n shop
bash test/docs/cluster/hold.sh
