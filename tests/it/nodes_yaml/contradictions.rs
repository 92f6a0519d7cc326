//! What is right by itself and goes together, or does not.

use crate::nodes_yaml::{EAST, edited, parse, parse_in, rendered};
use cardwright::cluster::Cluster;

#[test]
fn registries_are_written_out_as_k3s_takes_them() {
    use cardwright::cluster::Registries;
    let registries = "registries: {mirrors: {docker.io: {endpoint: 'http://mirror.lan:5000'}, '*': , ghcr.io: {rewrite: {'^a': b}}}, \
        configs: {'mirror.lan:5000': {auth: {username: ann, password: 0123}, tls: {insecure_skip_verify: yes}}}}";
    let text = edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, {registries}"))]);
    let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let Some(Registries::Inline(read)) = cluster.k3s.unwrap().registries else { panic!() };
    assert_eq!(
        serde_json::Value::Object(read),
        serde_json::json!({
            "mirrors": {
                "docker.io": {"endpoint": ["http://mirror.lan:5000"]},
                "*": {},
                "ghcr.io": {"rewrite": {"^a": "b"}},
            },
            "configs": {"mirror.lan:5000": {
                "auth": {"username": "ann", "password": "0123"},
                "tls": {"insecure_skip_verify": true},
            }},
        })
    );
}

#[test]
fn what_is_deployed_without_what_it_needs_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let object = |kind: &str, rest: &str| {
        format!("apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {rest}\n")
    };
    for (name, text) in [
        ("ingress.yaml", object("Ingress", "{ingressClassName: traefik}")),
        ("other.yaml", object("Ingress", "{ingressClassName: nginx}")),
        (
            "old.json",
            r#"{"apiVersion": "x", "kind": "List", "items": [{"apiVersion": "x", "kind": "Ingress", "metadata":
                {"name": "a", "annotations": {"kubernetes.io/ingress.class": "traefik"}}}]}"#
                .to_owned(),
        ),
        ("own.yaml", object("HelmChart", "{chart: traefik}").replace("x/v1", "helm.cattle.io/v1")),
        ("route.yaml", object("IngressRoute", "{}").replace("x/v1", "traefik.io/v1alpha1")),
        ("service.yaml", object("Service", "{type: LoadBalancer}")),
        ("metallb.yaml", object("Deployment", "{}").replace("name: a", "name: metallb-controller")),
        ("scaler.yaml", object("HorizontalPodAutoscaler", "{}")),
        ("claim.yaml", object("PersistentVolumeClaim", "{storageClassName: local-path}")),
        ("claims.yaml", object("StatefulSet", "{volumeClaimTemplates: [{spec: {storageClassName: local-path}}]}")),
        ("policy.yaml", object("NetworkPolicy", "{}")),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let warned = |settings: &str, manifests: &str| -> Vec<String> {
        let text =
            edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, {settings}, manifests: [{manifests}]"))]);
        let cluster =
            parse_in(folder.path(), &text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
        cluster.warnings.into_iter().map(|warning| warning.message).collect()
    };
    let none = <[&str; 0]>::default();
    let ingress = "`ingress.yaml` has an Ingress of the class `traefik`, but `traefik` is disabled";
    assert_eq!(warned("disable: [servicelb]", "ingress.yaml"), none);
    assert_eq!(warned("disable: traefik", "other.yaml"), none);
    assert_eq!(warned("disable: traefik", "ingress.yaml, other.yaml"), [ingress]);
    assert_eq!(warned("server: {config: {disable: 'traefik,servicelb'}}", "ingress.yaml"), [ingress]);
    assert_eq!(
        warned("disable: traefik", "old.json, route.yaml"),
        [
            "`old.json` has an Ingress of the class `traefik`, but `traefik` is disabled",
            "`route.yaml` has an object of Traefik's own, but `traefik` is disabled",
        ]
    );
    assert_eq!(warned("disable: traefik", "ingress.yaml, own.yaml"), none);
    assert_eq!(
        warned(
            "disable: [servicelb, metrics-server, local-storage]",
            "service.yaml, scaler.yaml, claim.yaml, claims.yaml"
        ),
        [
            "`service.yaml` has a Service of type LoadBalancer, but `servicelb` is disabled",
            "`scaler.yaml` has a HorizontalPodAutoscaler, but `metrics-server` is disabled",
            "`claim.yaml` has a claim of the storage class `local-path`, but `local-storage` is disabled",
            "`claims.yaml` has a claim of the storage class `local-path`, but `local-storage` is disabled",
        ]
    );
    assert_eq!(warned("disable: servicelb", "service.yaml, metallb.yaml"), none);
    assert_eq!(
        warned(
            "server: {config: {disable-network-policy: true, disable-helm-controller: true}}",
            "policy.yaml, own.yaml"
        ),
        [
            "`policy.yaml` has a NetworkPolicy, but `disable-network-policy` is set",
            "`own.yaml` has a HelmChart or HelmChartConfig, but `disable-helm-controller` is set",
        ]
    );
    assert_eq!(warned("server: {config: {disable-network-policy: false}}", "policy.yaml"), none);
}

#[test]
fn a_virtual_address_that_nothing_answers_at_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {vip: ";
    std::fs::write(folder.path().join("vip.yaml"), format!("{object}\"192.168.50.10/32\"}}\n")).unwrap();
    std::fs::write(folder.path().join("near.yaml"), format!("{object}192.168.50.101}}\n")).unwrap();
    let three =
        "east, address: 192.168.50.12, k3s: server}\n  - {name: west, address: 192.168.50.13, k3s: server";
    let warned = |nodes: &str, manifests: &str| -> Vec<String> {
        let settings = format!("v1.36.4+k3s1, virtual_address: 192.168.50.10, manifests: [{manifests}]");
        let text = edited(&[("v1.36.4+k3s1", &settings), (EAST, nodes)]);
        let cluster =
            parse_in(folder.path(), &text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
        let about = cluster.warnings.into_iter().filter(|warning| warning.at == "k3s.virtual_address");
        about.map(|warning| warning.message).collect()
    };
    let alone = "the virtual address `192.168.50.10` has one server behind it: no other can take over";
    let unnamed =
        "no manifest names the virtual address `192.168.50.10`: nothing of the cluster answers there";
    assert_eq!(warned(EAST, ""), [alone, unnamed]);
    assert_eq!(warned(EAST, "vip.yaml"), [alone]);
    assert_eq!(warned(three, "near.yaml"), [unnamed]);
    assert_eq!(warned(three, "vip.yaml"), <[&str; 0]>::default());
}

#[test]
fn kube_vip_wants_its_name_and_a_way_to_its_image() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("own")).unwrap();
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    std::fs::write(folder.path().join("own/kube-vip.yaml"), object).unwrap();
    let three =
        "east, address: 192.168.50.12, k3s: server}\n  - {name: west, address: 192.168.50.13, k3s: server";
    let parsed = |more: &str| {
        let virtual_address = "virtual_address: {address: 192.168.50.10, by: kube-vip}";
        let settings = format!("v1.36.4+k3s1, {virtual_address}{more}");
        parse_in(folder.path(), &edited(&[("v1.36.4+k3s1", &settings), (EAST, three)]))
    };
    let about_it = |cluster: Cluster| {
        let about = cluster.warnings.into_iter().filter(|warning| warning.message.contains("kube-vip"));
        about.map(|warning| warning.message).collect::<Vec<_>>()
    };
    assert_eq!(about_it(parsed("").unwrap()), <[&str; 0]>::default());
    assert_eq!(
        about_it(parsed(", install: bundled").unwrap()),
        ["nothing of k3s is downloaded at the first start, but kube-vip's container image is: from ghcr.io"]
    );
    let invalid = parsed(", manifests: [own]").unwrap_err();
    assert!(
        rendered(&invalid).contains("has the name of the manifest that `by: kube-vip` writes"),
        "{}",
        rendered(&invalid)
    );
}
