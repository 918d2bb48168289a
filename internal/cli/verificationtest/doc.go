// Package verificationtest runs the verification snippets that `prelaunch explain verification` prints, each on its own framework as
// it is installed, and sends them the whole test suite. It is a module of its own, so that no framework is among the dependencies of
// prelaunch. Those of npm are installed by `npm ci` in this directory, the others come with the system's packages.
package verificationtest
