package prelaunch.lib.urls_test

import data.prelaunch.lib.urls

test_canonical if {
	every url, same in {
		"HTTPS://Acme.Example.:443/a/../b/./c%7e%2f": "https://acme.example/b/c~%2F",
		"http://acme.example:80": "http://acme.example/",
		"https://acme.example:": "https://acme.example/",
		"https://jane:secret@acme.example:8443/a?x=%61#%7E": "https://acme.example:8443/a?x=a#~",
		"https://[::1]/": "https://[::1]/",
		"https://acme.example/../../a/b/../../c/..": "https://acme.example/",
		"https://acme.example/%2e%2E/a/.": "https://acme.example/a/",
		"ftp://acme.example:80/": "ftp://acme.example:80/",
		"nonsense": "nonsense",
	} {
		urls.canonical(url) == same
	}
	urls.canonical("https://acme.example/done") != urls.canonical("https://acme.example/done/")
	urls.canonical("https://acme.example/done") != urls.canonical("https://acme.example/Done")
	urls.canonical("https://acme.example/done") != urls.canonical("https://acme.example:444/done")
	urls.canonical("https://acme.example/done?a=1") != urls.canonical("https://acme.example/done?a=2")
}

test_scheme if {
	urls.scheme("HTTPS://acme.example") == "https"
	urls.scheme("acme.example") == ""
}

test_shown if {
	urls.shown("https://jane:secret@Acme.example/a?token=1#b") == "https://acme.example/a"
	urls.shown("nonsense") == "not a URL"
}
