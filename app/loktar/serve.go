package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/configs"
)

func serveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until it gets SIGINT or SIGTERM.

The configuration is a YAML file, environment variables, or both; a variable
wins over the file. These are needed:

  LOKTAR_GITHUB_APP_ID             the App's id
  LOKTAR_GITHUB_PRIVATE_KEY_FILE   its private key, a PEM file
  LOKTAR_GITHUB_WEBHOOK_SECRET     its webhook secret

` + "`loktar serve --print-example`" + ` prints a file with every key, its meaning and default.`,
		Example: "  loktar serve --config /etc/loktar.yml",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	example := cmd.Flags().Bool("print-example", false, "print an example of a configuration file and exit")
	cmd.RunE = fails(func(cmd *cobra.Command, _ []string) error {
		if *example {
			_, err := cmd.OutOrStdout().Write(configs.Example)
			return err
		}
		cfg, err := configs.Load(file, os.Environ())
		if err != nil {
			return err
		}
		log := app.Logger(os.Stderr, cfg.Log)
		s, err := app.New(cmd.Context(), cfg, log, version)
		if err != nil {
			return err
		}
		return s.Run(cmd.Context())
	})
	return cmd
}
