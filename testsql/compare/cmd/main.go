// Command cmd compares a warehouse with a recording that was streamed into it
// and prints one line for each table.  It ends with status 1 when something
// differs.
//
//	go run ./testsql/compare/cmd -url postgres://… -capture shop -oracle 1_initial
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/compare"
)

// errDiffers says that the warehouse is not as it should be.
var errDiffers = errors.New("the warehouse differs")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}

// run reads the flags and compares.
func run(ctx context.Context) error {
	var o compare.Options
	url := flag.String("url", "", "URL of the warehouse")
	flag.StringVar(&o.Capture, "capture", "shop", "recording that was streamed")
	flag.StringVar(&o.Oracle, "oracle", "", "state of the oracle, such as 1_initial")
	flag.StringVar(&o.Schemas.TrimPrefix, "trim-schema-prefix", "", "option of the data source")
	flag.StringVar(&o.Schemas.AddPrefix, "add-schema-prefix", "", "option of the data source")
	flag.StringVar(&o.Schemas.MapPublic, "map-public-schema", "", "option of the data source")
	origins := flag.String("origins", "", "data origins, separated by commas")
	flag.BoolVar(&o.Unclosed, "unclosed", false, "endsync has not run yet: let rows pass that it will close")
	flag.IntVar(&o.Limit, "limit", 0, "differences shown of a table (default 10)")
	exact := flag.Bool("exact", false, "fail where a known difference is none, too")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if *origins != "" {
		o.Schemas.Origins = strings.Split(*origins, ",")
	}
	conn, err := pgx.Connect(ctx, *url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	report, err := compare.Run(ctx, conn, o)
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = report.Print(os.Stdout)
	}
	if err != nil {
		return err
	}
	if report.Exact() || report.Equal() && !*exact {
		return nil
	}
	return errDiffers
}
