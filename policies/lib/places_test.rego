package prelaunch.lib.places_test

import data.prelaunch.lib.places

test_local if {
	every url in [
		"https://localhost/done", "https://127.0.0.1:8443/done", "https://app.localhost", "https://10.1.2.3/", "https://172.16.9.9/", "https://192.168.1.1/",
		"https://169.254.169.254/", "https://0.0.0.0/", "https://[::1]:8443/", "https://[::ffff:10.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://printer.local/",
		"https://acme.test/done", "https://intranet/", "https://db.internal/", "https://127.1/", "https://2130706433/", "https://[junk]/", "nonsense",
	] {
		places.local(url)
	}
	every url in [
		"https://acme.example/done", "https://www.acme.co/done", "https://8.8.8.8/", "https://172.32.0.1/", "https://[2001:db8::1]/", "https://local.acme.example/",
		"https://acme.example/localhost",
	] {
		not places.local(url)
	}
}

test_test_words if {
	every url, word in {
		"https://test.acme.example/done": "test", "https://acme-uat.apps.acme.example/": "uat", "https://dev2.acme.example/": "dev", "https://STAGING.acme.example/": "staging",
		"https://acme.example/staging/done": "staging", "https://acme.example/begini-uat/done": "uat", "https://acme.example/Test/done": "test", "https://acme.example/dev": "dev",
		"https://www.sandbox.acme.example/done": "sandbox",
	} {
		places.stage_word(url) == word
	}
	every url in [
		"https://acme.example/done", "https://www.acme.example/psychometric-test/done", "https://contest.acme.example/latest", "https://acme.example/devices/attested",
		"https://test-house.example/done", "https://acme.example/done?next=/test/",
	] {
		not places.stage_word(url)
	}
}

test_doubtful_words if {
	places.doubtful_word("https://acme-test.example/done") == "test"
	not places.doubtful_word("https://test.acme.example/done")
	not places.doubtful_word("https://localhost/")
}

test_provider_pages if {
	of_provider := {"profile": {"hosts": ["provider.example"]}}
	places.provider_page("https://provider.example/done") with input as of_provider
	places.provider_page("https://app.Provider.example/done") with input as of_provider
	not places.provider_page("https://notprovider.example/done") with input as of_provider
	not places.provider_page("https://provider.example/done") with input as {"profile": {"hosts": []}}
}
