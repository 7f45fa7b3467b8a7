package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// faultRows says what can go wrong and which tests make it go wrong. Those that
// begin with TestFault are run, and print what they find, by `make faults`; the
// others are at home in the packages that they are about.
var faultRows = []struct{ fault, tests string }{
	{"Redis gone", "TestFaultRedis TestRedisGoneAndBack TestRedisDeadIdleConnections TestFaultTokenStoreAway"},
	{"Redis hung", "TestFaultRedis TestFaultRedisHungCrowd TestRedisHung"},
	{"Redis slow", "TestFaultRedisSlow TestFaultRedisSlowRefresh"},
	{"Redis refuses the password or the user", "TestFaultRedis TestCheckRedis"},
	{"Redis is a read-only replica", "TestFaultRedis TestSignOutIsTriedAgain"},
	{"Redis full", "TestFaultRedis TestRedisRefuses"},
	{"Redis evicts", "TestFaultRedisEvicts TestFaultRedisAwayAtStart TestCheckRedis"},
	{"Redis cannot save to its disk", "TestFaultRedis"},
	{"Redis has too few replicas", "TestFaultRedis"},
	{"Redis loads its data", "TestFaultRedisRestarted TestRedisLoading"},
	{"Redis restarted empty", "TestFaultRedisRestarted"},
	{"no connections to Redis left", "TestFaultRedis TestFaultRedisHungCrowd"},
	{"an acknowledged write is lost", "TestFaultRedisRestarted TestFaultRedisFallsBack"},
	{"disk full", "TestFaultDisk TestDirFullDisk"},
	{"disk read-only, files immutable, input/output errors", "TestFaultDisk TestFaultDiskErrors TestFaultImmutableRecord TestDirReadOnlyDisk"},
	{"killed while saving", "TestFaultKilledWhileSaving TestStoreWriterKilled"},
	{"power loss", "TestFaultPowerLoss TestFaultPowerLossInTheStore"},
	{"damaged records", "TestFaultDamagedFiles TestFaultRedisRestarted TestDamagedRecords TestRaceDamagedRecords"},
	{"clocks differ", "TestFaultClockSkew TestFaultTokenLifetimes TestHostileIDTokens TestShortLived TestAbsoluteEnd"},
	{"Entra down, slow, throttling, out of reach", "TestFaultEntra TestFaultEntraAwayAtStart TestFaultEntraOutOfReach TestFaultMicrosoftSlow TestOverTLS"},
	{"Entra refuses", "TestFaultEntraRefusesTheApp TestRaceRefreshErrors TestRaceSignInErrors TestRefusals"},
	{"Entra answers nonsense", "TestFaultEntra TestAnswersWithLess TestNothingLeaks"},
	{"Graph down or throttling", "TestFaultGraph TestThrottling TestBackOffIsSharedByOneOwner"},
	{"Graph answers in part", "TestFaultGraphInPart TestListsThatAreNotWhole TestOneCalendarFails TestHomeInPart TestOwnHostOnly"},
	{"Graph refuses a token", "TestFaultGraphRefuses TestUnauthorized TestClaimsChallenge TestRaceGraphErrors"},
	{"told to stop with requests in flight", "TestFaultStoppedMeanwhile TestRollingRestart TestStopTimes"},
	{"browsers go away", "TestFaultBrowserGoesAway TestRaceBrowserGoesAway TestCallerGoesAway TestBrowserThatGoesAwayHurtsNobody"},
	{"slow clients", "TestFaultSlowClients TestFaultSlowReaders"},
	{"too large requests", "TestFaultOversized FuzzHandlers"},
	{"a crowd signs in", "TestFaultCrowdSignsIn TestRaceTwoHundredPeople"},
	{"a flood of strangers", "TestFaultFlood TestTooManySignIns"},
	{"too many files", "TestFaultTooManyFiles TestDirWithoutDescriptors"},
	{"memory", "TestFaultSoak TestFaultMemoryLimit TestNothingPilesUp TestPeopleAreBounded TestVerdictsBounded"},
	{"two versions on one store", "TestFaultTwoVersions TestGoldenRecords"},
	{"secrets are changed, or wrong", "TestFaultSessionSecretRotated TestRotation TestRotateSecrets TestRotateSecretsInstanceByInstance"},
	{"disk hung", "TestFaultDiskHungCrowd"},
}

// Every fault has its tests, and every test of `make faults` its fault.
func TestFaultRows(t *testing.T) {
	t.Parallel()
	defined, table := definedTests(t), new(strings.Builder)
	named := map[string]bool{"TestFaultRows": true}
	for i, row := range faultRows {
		fmt.Fprintf(table, "\nF%-3d%-54s %s", i+1, row.fault, row.tests)
		if !strings.Contains(row.tests, "TestFault") {
			t.Errorf("F%d, %s, is not part of make faults", i+1, row.fault)
		}
		for _, name := range strings.Fields(row.tests) {
			named[name] = true
			if !defined[name] {
				t.Errorf("F%d names %s, which does not exist", i+1, name)
			}
		}
	}
	t.Log(table)
	files, err := filepath.Glob("faults_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, found := range testDefined.FindAllSubmatch(mustRead(t, file), -1) {
			if name := string(found[1]); !named[name] {
				t.Errorf("%s: %s is for no fault of the table", file, name)
			}
		}
	}
}
