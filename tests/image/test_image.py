"""The image from scratch, and the manifests that use it."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

import yaml

from support import DEPLOY, SCRATCH, TIMEOUT, USER, Container, Image, answers, buildah, eventually, request

# the aim is 20 MB, which the binary alone exceeds; this keeps it from growing unseen
MAX_BYTES = 28_000_000
HELLO = {"request": {"urlPath": "/hello"}, "response": {"body": "hello"}}
SLOW = {"request": {"urlPath": "/slow"}, "response": {"body": "slow", "fixedDelayMilliseconds": 1500}}
TEMPLATE = {"request": {"urlPath": "/path"}, "response": {"body": "{{request.path}}"}}


def write_stubs(folder, *stubs):
    """Writes a stub folder."""
    (folder / "mappings").mkdir()
    (folder / "mappings/stubs.json").write_text(json.dumps({"mappings": stubs}), encoding="utf-8")


class TheImage(Image):
    """What is in the image, and who runs it."""

    def test_is_small_and_static_and_has_no_shell(self):
        """Nothing is in it but the binary, its authorities and its folder."""
        container = Container(["--version"], [], {})
        self.addCleanup(container.remove)
        root = pathlib.Path(buildah("mount", container.name))
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.stat().st_size for path in files)
        print(f"the image has {size:,} bytes in {len(files)} files", file=sys.stderr)
        self.assertLessEqual(size, MAX_BYTES)
        self.assertFalse((root / "bin/sh").exists())
        self.assertEqual(container.config["User"], f"{USER}:{USER}")
        self.assertIn("/standin", container.config["Healthcheck"]["Test"])

    def test_answers_health_checks_and_ends_in_order(self):
        """A call in flight is answered after SIGTERM."""
        stubs = self.folder("stubs")
        write_stubs(stubs, SLOW)
        container = self.run_image(["serve", "/stubs", "--listen=0.0.0.0:8080"], [f"{stubs}:/stubs:ro"])
        eventually("health", answers("http://127.0.0.1:8080/__admin/health"))
        self.assertEqual(container.run("/standin", "health", "127.0.0.1:8080"), 0)
        self.assertNotEqual(container.run("/standin", "health", "127.0.0.1:8089"), 0)

        results = []
        call = threading.Thread(target=lambda: results.append(request("http://127.0.0.1:8080/slow")))
        call.start()
        journal = "http://127.0.0.1:8080/__admin/requests"
        eventually("the call is in flight", lambda: json.loads(request(journal)[1])["requests"])
        os.kill(container.standin(), signal.SIGTERM)
        call.join(TIMEOUT)
        self.assertEqual(results, [(200, "slow")])
        self.assertEqual(container.process.wait(TIMEOUT), 0, container.output())

    def test_runs_as_nobody_on_a_root_that_cannot_be_written(self):
        """It needs no capability and no place to write."""
        container = Container(["--version"], [], {})
        self.addCleanup(container.remove)
        container.process.wait(TIMEOUT)
        root, stubs = buildah("mount", container.name), self.folder("stubs")
        write_stubs(stubs, HELLO)
        place = pathlib.Path(root, "home/wiremock")
        # what an engine mounts into each container
        for source, target in ((stubs, place), ("/dev", pathlib.Path(root, "dev")), ("/proc", pathlib.Path(root, "proc"))):
            target.mkdir(exist_ok=True)
            subprocess.run(["mount", "--bind", source, target], check=True)
            self.addCleanup(subprocess.run, ["umount", target], check=True)
        readonly = self.folder("root")
        subprocess.run(["mount", "--rbind", root, readonly], check=True)
        self.addCleanup(subprocess.run, ["umount", "--recursive", readonly], check=True)
        for mounted in (readonly, readonly / "home/wiremock"):
            subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=True)
        with self.assertRaises(OSError):
            (readonly / "file").write_text("", encoding="utf-8")

        environment = dict(entry.split("=", 1) for entry in container.config["Env"])
        process = subprocess.Popen(
            ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", readonly, "/standin", "--port", "8080"], env=environment
        )
        self.addCleanup(process.wait, TIMEOUT)
        self.addCleanup(process.kill)
        eventually("the stub answers", answers("http://127.0.0.1:8080/hello"))
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        self.assertEqual(fields["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(int(fields["CapEff"], 16), 0)
        process.terminate()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_reads_a_swapped_config_map(self):
        """Kubernetes changes a ConfigMap by renaming a symbolic link."""
        volume = self.folder("volume")
        deployment, _ = read_yaml(DEPLOY / "kubernetes/deployment.yaml")
        spec = deployment["spec"]["template"]["spec"]
        pod, items = spec["containers"][0], spec["volumes"][0]["configMap"]["items"]
        write_config_map(volume, "first", {item["path"]: DEPLOY / "kubernetes/stubs" / item["key"] for item in items})
        mount = pod["volumeMounts"][0]["mountPath"]
        self.run_image(pod["args"], [f"{volume}:{mount}:ro"])
        ports = {port["name"]: port["containerPort"] for port in pod["ports"]}
        probe = pod["readinessProbe"]["httpGet"]
        eventually("ready", answers(f"http://127.0.0.1:{ports[probe['port']]}{probe['path']}"))
        url = f"http://127.0.0.1:{ports['http']}/hello"
        self.assertIn("hello", request(url)[1])

        changed = self.folder("changed") / "stub.json"
        stub = {"request": {"urlPath": "/hello"}, "response": {"body": "swapped"}}
        changed.write_text(json.dumps(stub), encoding="utf-8")
        write_config_map(volume, "second", {item["path"]: changed for item in items})
        eventually("the new stub answers", lambda: request(url) == (200, "swapped"))


class WireMocksPlace(Image):
    """A compose file for WireMock's image works when the name of the image changes."""

    def test_takes_its_folder_its_options_and_admin_calls_of_other_hosts(self):
        """The defaults of the image are WireMock's."""
        home = self.folder("home")
        write_stubs(home, TEMPLATE)
        os.chown(home / "mappings", USER, USER)
        self.run_image(
            ["--max-request-journal-entries", "1"],
            [f"{home}:/home/wiremock"],
            {"WIREMOCK_OPTIONS": "--global-response-templating"},
        )
        eventually("the stub answers", answers("http://127.0.0.1:8080/path"))
        self.assertEqual(request("http://127.0.0.1:8080/path")[1], "/path")
        listed = json.loads(request("http://127.0.0.1:8080/__admin/requests")[1])
        self.assertEqual(len(listed["requests"]), 1)
        # by a name that only the network of the containers knows
        foreign = {"Host": "wiremock:8080"}
        status, _ = request("http://127.0.0.1:8080/__admin/mappings", HELLO, foreign)
        self.assertEqual(status, 201)
        self.assertEqual(request("http://127.0.0.1:8080/hello", headers=foreign), (200, "hello"))
        # saved into the volume, by the user of the image
        self.assertEqual(request("http://127.0.0.1:8080/__admin/mappings/save", method="POST")[0], 200)
        saved = [path for path in (home / "mappings").iterdir() if path.name != "stubs.json"]
        self.assertEqual([path.stat().st_uid for path in saved], [USER])

    def test_is_safe_without_the_defaults_of_the_image(self):
        """A name that only other hosts use is refused where nothing opens the admin API."""
        home = self.folder("home")
        write_stubs(home, HELLO)
        self.run_image([], [f"{home}:/home/wiremock:ro"], {"STANDIN_WIREMOCK_DEFAULTS": ""})
        eventually("the stub answers", answers("http://127.0.0.1:8080/hello"))
        status, _ = request("http://127.0.0.1:8080/__admin/mappings", headers={"Host": "wiremock:8080"})
        self.assertEqual(status, 403)

    def test_takes_the_script_of_its_image_as_the_entry_point(self):
        """Many compose files give options behind /docker-entrypoint.sh."""
        home = self.folder("home")
        write_stubs(home, TEMPLATE)
        container = Container([], [], {})
        self.addCleanup(container.remove)
        container.config["Entrypoint"] = ["/docker-entrypoint.sh"]
        self.assertEqual(container.run("/docker-entrypoint.sh", "--version"), 0)


class Manifests(Image):
    """The compose file, whole, with the shop in front of standin."""

    def test_the_compose_file(self):
        """Orders go through the shop to both backends."""
        compose = read_yaml(DEPLOY / "compose/compose.yaml")[0]["services"]
        standin, shop = compose["standin"], compose["shop"]
        volumes = [str((DEPLOY / "compose" / v.split(":")[0]).resolve()) + v[v.index(":") :] for v in standin["volumes"]]
        container = self.run_image(standin["command"], volumes)
        check = standin["healthcheck"]["test"]
        self.assertEqual(check[0], "CMD")
        eventually("healthy", lambda: container.run(*check[1:]) == 0)

        script = next(volume.split(":")[0] for volume in shop["volumes"])
        python, *_ = shop["command"]
        environment = {**shop["environment"], "PATH": os.environ["PATH"]}
        server = subprocess.Popen([shutil.which(python), DEPLOY / "compose" / script], env=environment)
        self.addCleanup(server.wait, TIMEOUT)
        self.addCleanup(server.kill)
        orders = f"{compose['k6']['environment']['SHOP_URL']}/orders"
        eventually("the shop takes an order", lambda: request(orders, {"sku": "A-100"})[0] == 201)
        results = [request(orders, {"sku": "A-100"}) for _ in range(20)]
        self.assertTrue(all(status == 201 for status, _ in results), results)
        self.assertEqual(json.loads(results[0][1]), {"item": "Field notebook", "charge": "ch_1"})
        self.assertEqual(request(orders, {"sku": "X-1"})[0], 404)

    def test_what_the_manifests_name_exists(self):
        """Files, services and ports that one file names are in the others."""
        kustomization = read_yaml(DEPLOY / "kubernetes/kustomization.yaml")[0]
        folder = DEPLOY / "kubernetes"
        for name in kustomization["resources"]:
            self.assertTrue((folder / name).exists(), name)
        generator = kustomization["configMapGenerator"][0]
        files = [pathlib.PurePath(file).name for file in generator["files"]]
        deployment, _ = read_yaml(folder / "deployment.yaml")
        spec = deployment["spec"]["template"]["spec"]
        config_map = spec["volumes"][0]["configMap"]
        self.assertEqual(config_map["name"], generator["name"])
        self.assertEqual([item["key"] for item in config_map["items"]], files)
        names = {port["name"] for port in spec["containers"][0]["ports"]}
        service = read_yaml(folder / "service.yaml")[0]
        self.assertLessEqual({port["targetPort"] for port in service["spec"]["ports"]}, names)
        for volume in read_yaml(DEPLOY / "compose/compose.yaml")[0]["services"]["k6"]["volumes"]:
            self.assertTrue((DEPLOY / "compose" / volume.split(":")[0]).exists(), volume)


def read_yaml(path):
    """Returns the documents of a YAML file, and None."""
    return [*yaml.safe_load_all(path.read_text(encoding="utf-8")), None]


def write_config_map(volume, name, files):
    """Lays files out as Kubernetes does, and makes them the current ones by one rename."""
    data = volume / f"..{name}"
    for path, source in files.items():
        place = data / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
        link = volume / pathlib.PurePath(path).parts[0]
        if not link.is_symlink():
            link.symlink_to(pathlib.Path("..data") / link.name)
    link = volume / "..data_tmp"
    link.symlink_to(data.name)
    link.rename(volume / "..data")
