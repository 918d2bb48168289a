// Command typecheck checks the types of a module's packages and tests for the platform that GOOS and GOARCH name, from sources: go vet
// would compile everything that they import first, which takes ten times as long and is wanted for no other step.
//
//	GOOS=windows typecheck DIR
package main

import (
	"log"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	found, err := packages.Load(&packages.Config{
		Dir: os.Args[1], Env: append(os.Environ(), "CGO_ENABLED=0"), Tests: true,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps | packages.NeedSyntax | packages.NeedTypes,
	}, "./...")
	if err != nil {
		log.Fatal(err)
	}
	if faults := packages.PrintErrors(found); faults > 0 || len(found) == 0 {
		log.Fatalf("%d errors in %d packages", faults, len(found))
	}
}
