# Waits until the kinds of the Prometheus operator are served.
kubectl apply -f test/docs/cluster/prometheus-operator.yaml
until kubectl get servicemonitors,prometheusrules --all-namespaces; do sleep 0.2; done
