package io.sparsebalance.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1Container;
import io.kubernetes.client.openapi.models.V1ContainerPort;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1PodSpec;
import io.kubernetes.client.openapi.models.V1Probe;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V1StatefulSet;
import io.kubernetes.client.openapi.models.V1Volume;
import io.kubernetes.client.openapi.models.V1VolumeMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** The manifests against Kubernetes' own schema, which refuses fields that it does not know, and against each other. */
class KubernetesManifestTest {
    private static final Map<String, String> LABELS = Map.of("app", "sparsebalance");

    private static V1Service service;
    private static V1PodDisruptionBudget budget;
    private static V1NetworkPolicy network;
    private static V1StatefulSet nodes;

    @BeforeAll
    static void read() throws IOException {
        // Registers the readers of all types.
        assertThat(JSON.getGson()).isNotNull();
        Map<String, String> byKind = new HashMap<>();
        String text = Files.readString(Path.of("kubernetes", "sparsebalance.yaml"));
        for (Object document : new Yaml(new SafeConstructor(new LoaderOptions())).loadAll(text)) {
            String kind = ((Map<?, ?>) document).get("apiVersion") + " " + ((Map<?, ?>) document).get("kind");
            assertThat(byKind.put(kind, new Gson().toJson(document))).as("one document of kind " + kind).isNull();
        }
        assertThat(byKind).containsOnlyKeys("v1 Service", "policy/v1 PodDisruptionBudget",
                "networking.k8s.io/v1 NetworkPolicy", "apps/v1 StatefulSet");
        service = V1Service.fromJson(byKind.get("v1 Service"));
        budget = V1PodDisruptionBudget.fromJson(byKind.get("policy/v1 PodDisruptionBudget"));
        network = V1NetworkPolicy.fromJson(byKind.get("networking.k8s.io/v1 NetworkPolicy"));
        nodes = V1StatefulSet.fromJson(byKind.get("apps/v1 StatefulSet"));
    }

    private static V1PodSpec pod() {
        return nodes.getSpec().getTemplate().getSpec();
    }

    private static V1Container container() {
        return pod().getContainers().getFirst();
    }

    /** Else the other tests would prove little. */
    @Test
    void fieldsThatKubernetesDoesNotKnowAreRefused() throws IOException {
        String json = nodes.toJson();
        assertThat(V1StatefulSet.fromJson(json)).isEqualTo(nodes);
        assertThatThrownBy(() -> V1StatefulSet.fromJson(json.replace("\"livenessProbe\"", "\"aliveProbe\"")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("aliveProbe");
        assertThatThrownBy(() -> V1StatefulSet.fromJson(json.replace("\"preStop\"", "\"beforeStop\"")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("beforeStop");
    }

    @Test
    void allSelectTheSamePods() {
        assertThat(nodes.getSpec().getTemplate().getMetadata().getLabels()).isEqualTo(LABELS);
        assertThat(nodes.getSpec().getSelector().getMatchLabels()).isEqualTo(LABELS);
        assertThat(service.getSpec().getSelector()).isEqualTo(LABELS);
        assertThat(budget.getSpec().getSelector().getMatchLabels()).isEqualTo(LABELS);
        assertThat(network.getSpec().getPodSelector().getMatchLabels()).isEqualTo(LABELS);
    }

    @Test
    void nodesFindEachOtherBeforeTheyAreReady() {
        assertThat(service.getSpec().getClusterIP()).isEqualTo("None");
        assertThat(service.getSpec().getPublishNotReadyAddresses()).isTrue();
        assertThat(nodes.getSpec().getServiceName()).isEqualTo(service.getMetadata().getName());
        assertThat(nodes.getSpec().getPodManagementPolicy()).as("the first waits for the others")
                .isEqualTo("Parallel");
        String name = nodes.getMetadata().getName() + "-%d." + service.getMetadata().getName();
        int port = service.getSpec().getPorts().getFirst().getPort();
        for (int pod = 0; pod < nodes.getSpec().getReplicas(); pod++) {
            assertThat(container().getCommand()).contains("--seed=" + name.formatted(pod) + ":" + port);
        }
        assertThat(container().getCommand()).contains("--port=" + port,
                "--set=cluster.worker-nodes=" + nodes.getSpec().getReplicas());
    }

    @Test
    void probesAskForLifeAndForReadinessAtTheHealthPort() {
        Map<String, Integer> ports = container().getPorts().stream()
                .collect(Collectors.toMap(V1ContainerPort::getName, V1ContainerPort::getContainerPort));
        assertThat(container().getCommand()).contains("--set=cluster.health-port=" + ports.get("health"));
        V1Probe alive = container().getLivenessProbe();
        V1Probe ready = container().getReadinessProbe();
        assertThat(alive.getHttpGet().getPath()).isEqualTo("/alive");
        assertThat(ready.getHttpGet().getPath()).isEqualTo("/ready");
        assertThat(List.of(alive, ready))
                .allMatch(probe -> probe.getHttpGet().getPort().getStrValue().equals("health"));
        assertThat(alive.getPeriodSeconds() * alive.getFailureThreshold())
                .as("seconds of silence before a pod is killed: the cluster replaces a lost node long before")
                .isGreaterThanOrEqualTo(60);
    }

    @Test
    void aPodThatIsToEndLeavesAndIsGivenTheTimeForIt() {
        assertThat(container().getLifecycle().getPreStop().getExec().getCommand()).containsExactly("/bin/sh", "-c",
                "kill -TERM 1");
        assertThat(pod().getTerminationGracePeriodSeconds()).as("longer than the node itself waits")
                .isGreaterThan(120);
        assertThat(budget.getSpec().getMaxUnavailable().getIntValue()).isEqualTo(1);
    }

    @Test
    void onlyNodesReachNodesAndTheyHaveNoRights() {
        assertThat(network.getSpec().getPolicyTypes()).containsExactly("Ingress");
        assertThat(network.getSpec().getIngress()).singleElement().satisfies(rule -> assertThat(rule.getFrom())
                .singleElement().satisfies(
                        peer -> assertThat(peer.getPodSelector().getMatchLabels()).isEqualTo(LABELS)));
        assertThat(pod().getSecurityContext().getRunAsNonRoot()).isTrue();
        assertThat(container().getSecurityContext().getAllowPrivilegeEscalation()).isFalse();
        assertThat(container().getSecurityContext().getReadOnlyRootFilesystem()).isTrue();
        assertThat(container().getSecurityContext().getCapabilities().getDrop()).containsExactly("ALL");
    }

    @Test
    void everyVolumeIsThereAndUsed() {
        assertThat(container().getVolumeMounts()).extracting(V1VolumeMount::getName)
                .containsExactlyInAnyOrderElementsOf(pod().getVolumes().stream().map(V1Volume::getName).toList());
    }
}
