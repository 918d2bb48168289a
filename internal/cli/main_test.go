package cli_test

import (
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

func TestMain(m *testing.M) { audittest.Main(m) }
