/*
 * cli/cli.h: the command line.  Layer: cli.
 */
#ifndef RS_CLI_CLI_H
#define RS_CLI_CLI_H

/* Run `roadstead ARGUMENTS...`; returns the exit status of the process. */
int rs_cli_main(int argc, char **argv);

#endif
